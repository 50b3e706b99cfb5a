"""The normal distribution, spelled out in arithmetic that every printer has."""

from __future__ import annotations

from collections.abc import Sequence

from bullbear.equations.program import Builder

# W. J. Cody, "Rational Chebyshev approximations for the error function", Math. Comp. 23 (1969);
# coefficients as in the public-domain CALERF.
_ERF_A = (3.16112374387056560e00, 1.13864154151050156e02, 3.77485237685302021e02,
          3.20937758913846947e03, 1.85777706184603153e-1)  # fmt: skip
_ERF_B = (2.36012909523441209e01, 2.44024637934444173e02, 1.28261652607737228e03,
          2.84423683343917062e03)  # fmt: skip
_ERF_C = (5.64188496988670089e-1, 8.88314979438837594e0, 6.61191906371416295e01,
          2.98635138197400131e02, 8.81952221241769090e02, 1.71204761263407058e03,
          2.05107837782607147e03, 1.23033935479799725e03, 2.15311535474403846e-8)  # fmt: skip
_ERF_D = (1.57449261107098347e01, 1.17693950891312499e02, 5.37181101862009858e02,
          1.62138957456669019e03, 3.29079923573345963e03, 4.36261909014324716e03,
          3.43936767414372164e03, 1.23033935480374942e03)  # fmt: skip
_ERF_P = (3.05326634961232344e-1, 3.60344899949804439e-1, 1.25781726111229246e-1,
          1.60837851487422766e-2, 6.58749161529837803e-4, 1.63153871373020978e-2)  # fmt: skip
_ERF_Q = (2.56852019228982242e00, 1.87295284992346725e00, 5.27905102951428412e-1,
          6.05183413124413191e-2, 2.33520497626869185e-3)  # fmt: skip
_INVERSE_ROOT_PI = 5.6418958354775628695e-1
# M. J. Wichura, "Algorithm AS 241: the percentage points of the normal distribution", Applied
# Statistics 37 (1988).
_AS_CENTRE = (
    (3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3,
     1.3731693765509461125e4, 4.5921953931549871457e4, 6.7265770927008700853e4,
     3.3430575583588128105e4, 2.5090809287301226727e3),
    (1.0, 4.2313330701600911252e1, 6.8718700749205790830e2, 5.3941960214247511077e3,
     2.1213794301586595867e4, 3.9307895800092710610e4, 2.8729085735721942674e4,
     5.2264952788528545610e3),
)  # fmt: skip
_AS_MIDDLE = (
    (1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0,
     3.64784832476320460504e0, 1.27045825245236838258e0, 2.41780725177450611770e-1,
     2.27238449892691845833e-2, 7.74545014278341407640e-4),
    (1.0, 2.05319162663775882187e0, 1.67638483018380384940e0, 6.89767334985100004550e-1,
     1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4,
     1.05075007164441684324e-9),
)  # fmt: skip
_AS_TAIL = (
    (6.65790464350110377720e0, 5.46378491116411436990e0, 1.78482653991729133580e0,
     2.96560571828504891230e-1, 2.65321895265761230930e-2, 1.24266094738807843860e-3,
     2.71155556874348757815e-5, 2.01033439929228813265e-7),
    (1.0, 5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2,
     7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7,
     2.04426310338993978564e-15),
)  # fmt: skip


def normal_tail(builder: Builder, x: int) -> int:
    """P(Z > x) for a standard normal Z, to about 1e-15 relative."""
    add, const = builder.add, builder.const
    scaled = add("mul", x, const(2.0**-0.5))
    return add("mul", const(0.5), _erfc(builder, scaled))


def normal_quantile(builder: Builder, p: int) -> int:
    """The z with P(Z <= z) = p, to about 1e-15 relative; infinite at 0 and 1."""
    add, const = builder.add, builder.const
    q = add("sub", p, const(0.5))
    r = add("sub", const(0.180625), add("mul", q, q))
    centre = add("mul", q, _ratio(builder, _AS_CENTRE, r))
    outer = add("min", p, add("sub", const(1.0), p))
    s = add("sqrt", add("neg", add("ln", outer)))
    middle = _ratio(builder, _AS_MIDDLE, add("sub", s, const(1.6)))
    tail = _ratio(builder, _AS_TAIL, add("sub", s, const(5.0)))
    size = add("select", add("le", s, const(5.0)), middle, tail)
    # the rational form has no limit at 0 and 1
    size = add("select", add("gt", outer, const(0.0)), size, const(float("inf")))
    signed = add("select", add("lt", q, const(0.0)), add("neg", size), size)
    return add("select", add("le", add("abs", q), const(0.425)), centre, signed)


def _erfc(builder: Builder, x: int) -> int:
    add, const = builder.add, builder.const
    y = add("abs", x)
    small = _erf_centre(builder, x, y)
    decay = add("exp", add("neg", add("mul", y, y)))
    middle = add("mul", decay, _horner_pair(builder, y, _ERF_C, _ERF_D))
    far = add("mul", decay, _erfc_far(builder, y))
    outer = add("select", add("le", y, const(4.0)), middle, far)
    reflected = add("sub", const(2.0), outer)
    tail = add("select", add("lt", x, const(0.0)), reflected, outer)
    return add("select", add("le", y, const(0.46875)), add("sub", const(1.0), small), tail)


def _erf_centre(builder: Builder, x: int, y: int) -> int:
    return builder.add("mul", x, _horner_pair(builder, builder.add("mul", y, y), _ERF_A, _ERF_B))


def _erfc_far(builder: Builder, y: int) -> int:
    add, const = builder.add, builder.const
    inverse = add("div", const(1.0), add("mul", y, y))
    ratio = add("mul", inverse, _horner_pair(builder, inverse, _ERF_P, _ERF_Q))
    return add("div", add("sub", const(_INVERSE_ROOT_PI), ratio), y)


def _horner_pair(builder: Builder, x: int, upper: Sequence[float], lower: Sequence[float]) -> int:
    """Cody's form: the last coefficient above leads, the polynomial below leads with 1."""
    above = _horner(builder, x, (upper[-1], *upper[:-1]))
    below = _horner(builder, x, (1.0, *lower))
    return builder.add("div", above, below)


def _ratio(builder: Builder, pair: Sequence[Sequence[float]], x: int) -> int:
    """Two polynomials with their coefficients from the constant upwards, one over the other."""
    above, below = (_horner(builder, x, coefficients[::-1]) for coefficients in pair)
    return builder.add("div", above, below)


def _horner(builder: Builder, x: int, coefficients: Sequence[float]) -> int:
    """A polynomial; coefficients from the highest power downwards."""
    total = builder.const(coefficients[0])
    for coefficient in coefficients[1:]:
        total = builder.add("add", builder.add("mul", total, x), builder.const(coefficient))
    return total
