import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from sim2real.deployment.onnx_guard import OPERATORS, check_onnx
from sim2real.errors import BundleError
from tests.deployment.tiny_policy import tiny_onnx


def _model():
    return onnx.load_from_string(tiny_onnx(4, 2))


def test_a_plain_network_passes_and_its_operators_are_counted():
    assert check_onnx(tiny_onnx(4, 2)) == 2


def test_external_data_is_refused():
    model = _model()
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")
    with pytest.raises(BundleError, match="external data"):
        check_onnx(model.SerializeToString())


def test_external_data_inside_a_constant_of_a_subgraph_is_refused():
    model = _model()
    tensor = numpy_helper.from_array(np.zeros(3, np.float32))
    tensor.data_location = onnx.TensorProto.EXTERNAL
    constant = helper.make_node("Constant", [], ["c"], value=tensor)
    inner = helper.make_graph([constant], "inner", [], [])
    model.graph.node.append(helper.make_node("If", ["x"], ["y"], then_branch=inner, else_branch=inner))
    with pytest.raises(BundleError, match="external data"):
        check_onnx(model.SerializeToString())


@pytest.mark.parametrize("domain", ["com.microsoft", "evil"])
def test_custom_operators_are_refused(domain):
    with pytest.raises(BundleError, match="custom operator"):
        check_onnx(tiny_onnx(4, 2, domain=domain))


def test_a_custom_operator_inside_a_local_function_is_refused():
    model = _model()
    model.functions.append(helper.make_function("local", "f", ["x"], ["y"],
                                                [helper.make_node("Op", ["x"], ["y"], domain="evil")], []))
    with pytest.raises(BundleError, match="custom operator"):
        check_onnx(model.SerializeToString())


def test_deep_nesting_is_refused():
    graph = helper.make_graph([], "g", [], [])
    for _ in range(12):
        graph = helper.make_graph([helper.make_node("If", ["x"], ["y"], then_branch=graph)], "g", [], [])
    with pytest.raises(BundleError, match="nested deeper"):
        check_onnx(helper.make_model(graph).SerializeToString())


@pytest.mark.parametrize("data", [b"", b"\x80\x04]q\x00.", b"\xff" * 50, b"\x3a\x7f", tiny_onnx(4, 2)[:-3]])
def test_what_is_no_model_is_refused(data):
    with pytest.raises(BundleError, match="policy.onnx"):
        check_onnx(data)


@pytest.mark.parametrize("operator", ["Loop", "Scan", "If", "RandomNormalLike", "NonZero", "Cast", "TopK", "ArgMax",
                                      "Optional", "SequenceAt", "StringNormalizer", ""])
def test_only_operators_of_plain_networks_are_run(operator):
    model = _model()
    model.graph.node[1].op_type = operator or "tanh"
    with pytest.raises(BundleError, match="which is not one of plain networks"):
        check_onnx(model.SerializeToString())


def test_the_operators_that_pass_are_onnx_s_own_and_none_has_a_body():
    import onnx.defs

    names = {name.decode() for name in OPERATORS}
    known = {schema.name: schema for schema in onnx.defs.get_all_schemas()}
    assert names - set(known) <= {"Swish"}  # newer than the oldest onnx that is supported
    for name in names & set(known):
        assert not any("GRAPH" in str(attribute.type) for attribute in known[name].attributes.values()), name


@pytest.mark.parametrize("attributes, passes", [
    ({"to": 1}, True), ({"to": 10}, True), ({"to": 11}, True), ({"to": 1, "saturate": 1}, True), ({"to": 7}, False),
    ({"to": 6}, False), ({"to": 9}, False), ({}, False)])
def test_a_cast_makes_floats_or_is_refused(attributes, passes):
    model = _model()
    model.graph.node[1].CopyFrom(helper.make_node("Cast", ["linear"], ["action"], **attributes))
    if passes:
        assert check_onnx(model.SerializeToString()) == 2
        return
    with pytest.raises(BundleError, match="'Cast'"):
        check_onnx(model.SerializeToString())


def test_a_cast_whose_type_stands_twice_or_elsewhere_is_refused():
    for twice in (b"\x18\x07", b"\xaa\x01\x01t"):  # i = 7 after i = 1; ref_attr_name: a caller's attribute counts
        attribute = helper.make_node("Cast", ["x"], ["y"], to=1).attribute[0].SerializeToString() + twice
        raw = b"\x22\x04Cast\x2a" + bytes([len(attribute)]) + attribute
        graph = b"\x0a" + bytes([len(raw)]) + raw
        with pytest.raises(BundleError, match="'Cast'"):
            check_onnx(tiny_onnx(4, 2) + b"\x3a" + bytes([len(graph)]) + graph)


def test_messages_name_what_is_looked_at():
    with pytest.raises(BundleError, match="^encoder.onnx: "):
        check_onnx(b"\xff" * 50, "encoder.onnx")
