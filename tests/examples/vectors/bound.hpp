// How far a right LSTM may be from another right one: derived from the arithmetic, not chosen.
//
// With u the unit roundoff of the dtype (2^-53 in binary64, 2^-24 in binary32), one operation gives the exact
// result times 1 + d with |d| <= u. A Bounded is a number together with the most by which such roundings, its
// own and those of the numbers before it, may have moved it:
//
// - An error travels on. A sum has the errors of its terms. A product xy has |x| times the error of y, |y|
//   times that of x, and the product of the two. A sigmoid has at most 1/4 of the error of its argument, a
//   tanh at most all of it, which is how steep they are; and neither is off by more than its whole range.
// - A sum of n products takes 2n roundings. In whatever order it is summed, no partial result is larger than
//   the sum of the magnitudes of its terms, so that it is off by at most 2n u times that. This is why a
//   Bounded knows its `roundings` and its `mass`: another right LSTM has other partial results than this one.
//   (No term really meets more than n of the 2n; what is left covers the terms in u^2, as long as n u is
//   below 1/2.)
// - A sigmoid or tanh takes a few operations on numbers of about 1 (an exponential, a sum, a quotient, in
//   whatever form), in all no more than four roundings of 1.
// - Near zero, where a format runs out of digits, a rounding costs half its smallest number.
//
// run<Bounded> of lstm.hpp therefore gives an E for each number of the result: whoever computes the equations
// in the dtype is within E of their exact value. The recorded number is, and the checked one has to be: they
// are at most 2 E apart. (E is computed in double. That its own roundings move it, by some 10^-13 of it, is
// covered by what the counts leave unused.)
//
// E grows with the number of steps, as if all errors always had the worst sign. Even so it is far below what
// any mistake in the equations makes: see README.md.

#pragma once

#include <algorithm>
#include <cmath>

#include "lstm.hpp"

template <class Format>
class Bounded {
public:
    /// A number that is given: exact.
    explicit Bounded(double value) : value(value), mass(std::abs(value)) {}

    /// The most by which the number may be off. What is infinite or no number has no distance from anything.
    double error() const
    {
        if (!std::isfinite(value)) return 0;
        return inherited + roundings * (u * mass + smallest / 2);
    }

    friend Bounded operator+(const Bounded& x, const Bounded& y)
    {
        Bounded sum(x.value + y.value, x.inherited + y.inherited, x.roundings + y.roundings + 1);
        sum.mass = x.mass + y.mass;
        return sum;
    }

    friend Bounded operator*(const Bounded& x, const Bounded& y)
    {
        const double x_off = x.error(), y_off = y.error();
        return {x.value * y.value, std::abs(x.value) * y_off + std::abs(y.value) * x_off + x_off * y_off, 1};
    }

    friend Bounded sigmoid(const Bounded& a)
    {
        return {sigmoid(a.value), std::min(a.error() / 4, 1.0) + 4 * u, 0};
    }

    friend Bounded tanh(const Bounded& a)
    {
        return {std::tanh(a.value), std::min(a.error(), 2.0) + 4 * u, 0};
    }

private:
    static constexpr double u = 1.0 / (1ULL << Format::digits);
    inline static const double smallest = std::ldexp(1.0, Format::least);

    double value;
    double inherited = 0;  // the error of what it was computed from
    double roundings = 0;  // since then
    double mass;           // the most that a partial result of them can be

    Bounded(double value, double inherited, double roundings)
        : value(value), inherited(inherited), roundings(roundings), mass(std::abs(value) + inherited)
    {
    }
};
