"""Numbers as RFC 8785 (ECMAScript) writes them, with the exact value of the caller's type."""

from __future__ import annotations

import math
import numbers
import operator
from decimal import Context, Decimal, Inexact
from typing import cast

# From here on ECMAScript writes an integer with an exponent.
PLAIN = 10**21
# Up to here all the digits of an integral float are significant.
_EXACT = 2.0**53
_HUGE = 1_000


def exact(value: object) -> int | float | Decimal | None:
    """Returns a value as a finite number of a built-in type; None if it is not one.

    Booleans and strings are not numbers. Other types are, if they are registered in `numbers`, as
    those of numpy are, and always have a decimal form, which Fraction does not.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return int(value)
    if isinstance(value, Decimal):
        return value if value.is_finite() else None
    if isinstance(value, numbers.Integral):
        return operator.index(value)
    if isinstance(value, numbers.Real) and not isinstance(value, numbers.Rational):
        number = float(value)
        return number if math.isfinite(number) else None
    return None


def is_huge(value: object) -> bool:
    """Reports whether an integer or a Decimal has hundreds of digits, which take time to read."""
    return is_longer(value, _HUGE)


def is_longer(value: object, digits: int) -> bool:
    """Reports whether an integer or a Decimal has many more digits, without reading them."""
    kind = type(value)
    if issubclass(kind, int):
        return int.bit_length(cast("int", value)) > 4 * digits
    # Eight bytes hold at most nineteen digits.
    return issubclass(kind, Decimal) and Decimal.__sizeof__(cast("Decimal", value)) > 128 + digits


def text(number: int | float | Decimal) -> str:
    """Returns a finite number as ECMAScript writes it: 1.0 is `1`, 1e21 `1e+21`, -0.0 `0`."""
    if isinstance(number, float):
        if is_plain(number):
            return repr(number)
        if -_EXACT <= number <= _EXACT and number.is_integer():
            return str(int(number))
        # repr() has the shortest digits that read back as the same number, as ECMAScript's has.
        number = Decimal(repr(number))
    elif isinstance(number, int) and -PLAIN < number < PLAIN:
        return str(number)
    return _from_digits(Decimal(number))


def is_plain(number: float) -> bool:
    """Reports whether Python and msgspec write a float as ECMAScript does."""
    return 1e-4 <= number < 1e15 and number % 1 != 0


def has_digits(number: int | float | Decimal, most: int) -> bool:
    """Reports whether a number has at most so many digits; a float never has more than 17."""
    if isinstance(number, float):
        return True
    try:
        Context(prec=most, traps=[Inexact]).create_decimal(number)
    except Inexact:
        return False
    return True


def _from_digits(number: Decimal) -> str:
    mantissa, _, exponent = f"{number:e}".partition("e")
    sign = "-" if mantissa.startswith("-") else ""
    digits = mantissa.lstrip("-").replace(".", "").rstrip("0")
    # ECMAScript's Number::toString: the value is 0.digits × 10^point.
    return sign + _placed(digits, int(exponent) + 1) if digits else "0"


def _placed(digits: str, point: int) -> str:
    if len(digits) <= point <= 21:
        return digits + "0" * (point - len(digits))
    if 0 < point <= 21:
        return f"{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"0.{'0' * -point}{digits}"
    fraction = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{digits[0]}{fraction}e{point - 1:+d}"
