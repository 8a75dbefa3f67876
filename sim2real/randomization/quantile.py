"""Quantile and distribution function of the standard normal, vectorised (numpy has none, scipy is too heavy here)."""

from __future__ import annotations

import numpy as np

# Rational approximations of Wichura (1988), "Algorithm AS 241: The percentage points of the normal distribution",
# Applied Statistics 37(3), 477-484: routine PPND16, relative error about 1e-16. Highest power first.
_CENTRAL = (
    (2509.0809287301227, 33430.57558358813, 67265.7709270087, 45921.95393154987, 13731.69376550946,
     1971.5909503065513, 133.14166789178438, 3.3871328727963665),
    (5226.495278852854, 28729.085735721943, 39307.89580009271, 21213.794301586597, 5394.196021424751,
     687.1870074920579, 42.31333070160091, 1.0),
)
_TAIL = (
    (7.745450142783414e-4, 0.022723844989269184, 0.2417807251774506, 1.2704582524523684, 3.6478483247632045,
     5.769497221460691, 4.630337846156546, 1.4234371107496835),
    (1.0507500716444169e-9, 5.475938084995345e-4, 0.015198666563616457, 0.14810397642748008, 0.6897673349851,
     1.6763848301838038, 2.053191626637759, 1.0),
)
_FAR = (
    (2.0103343992922881e-7, 2.7115555687434876e-5, 1.2426609473880784e-3, 0.026532189526576124,
     0.29656057182850487, 1.7848265399172913, 5.463784911164114, 6.657904643501103),
    (2.0442631033899397e-15, 1.421511758316446e-7, 1.8463183175100548e-5, 7.868691311456133e-4,
     0.014875361290850615, 0.1369298809227358, 0.599832206555888, 1.0),
)
_CDF = (
    (0.0352624965998911, 0.700383064443688, 6.37396220353165, 33.912866078383, 112.079291497871, 221.213596169931,
     220.206867912376),
    (0.0883883476483184, 1.75566716318264, 16.064177579207, 86.7807322029461, 296.564248779674, 637.333633378831,
     793.826512519948, 440.413735824752),
)


def normal_quantile(p: np.ndarray) -> np.ndarray:
    """z with Phi(z) = p, for p in (0, 1), any shape; 0 and 1 give the infinities."""
    p = np.asarray(p, float)
    q = p - 0.5
    central = np.abs(q) <= 0.425
    r = 0.180625 - q * q
    z = q * np.polyval(_CENTRAL[0], r) / np.polyval(_CENTRAL[1], r)
    if central.all():
        return z
    tail = np.minimum(p, 1.0 - p)
    with np.errstate(divide="ignore", invalid="ignore"):
        r = np.sqrt(-np.log(tail))
        near, far = r - 1.6, r - 5.0
        size = np.where(r <= 5.0, np.polyval(_TAIL[0], near) / np.polyval(_TAIL[1], near),
                        np.polyval(_FAR[0], far) / np.polyval(_FAR[1], far))
    size = np.where(tail > 0.0, size, np.inf)
    return np.where(central, z, np.copysign(size, q))


def normal_cdf(z: np.ndarray) -> np.ndarray:
    """Phi(z), any shape: Hart (1968), "Computer approximations", number 5666, in the form of West (2005), "Better
    approximations to cumulative normal functions"; absolute error about 1e-15."""
    z = np.asarray(z, float)
    size = np.abs(z)
    density = np.exp(-0.5 * size * size)
    far = size + 1.0 / (size + 2.0 / (size + 3.0 / (size + 4.0 / (size + 0.65))))  # continued fraction of the tail
    tail = np.where(size < 7.071, density * np.polyval(_CDF[0], np.minimum(size, 8.0))
                    / np.polyval(_CDF[1], np.minimum(size, 8.0)), density / (far * 2.5066282746310002))
    return np.where(z > 0.0, 1.0 - tail, tail)
