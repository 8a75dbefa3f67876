"""The photographs, where this checkout has them."""

import pytest

from benchmarks.photographs import DATA as PHOTOGRAPHS

needs_photographs = pytest.mark.skipif(not (PHOTOGRAPHS / "labels.csv").is_file(),
                                       reason="shared/data/kuka_table_images is not there")
