// Tensors, and how the files of snapshots/ write them:
//
//     {"dtype": "float64", "shape": [2, 3], "values": [[0.5, -0.0, 1e-05], ["nan", "inf", "-inf"]]}

#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "json.hpp"

/// A format of numbers: binary digits, the exponent of the smallest one above 0, and the largest one.
///
/// Arithmetic is done in Number: float for the half types too, of which C++17 has none.
struct Float64 {
    using Number = double;
    static constexpr int digits = 53, least = -1074, most = 1024;
};
struct Float32 {
    using Number = float;
    static constexpr int digits = 24, least = -149, most = 128;
};
struct Float16 {
    using Number = float;
    static constexpr int digits = 11, least = -24, most = 16;
};
struct BFloat16 {
    using Number = float;
    static constexpr int digits = 8, least = -133, most = 128;
};

/// The nearest number of a format, ties to even, as the schema asks for.
template <class Format>
double rounded(double x)
{
    if (x == 0 || !std::isfinite(x)) return x;
    const int unit = std::max(std::ilogb(x) - Format::digits + 1, Format::least);
    const double near = std::ldexp(std::nearbyint(std::ldexp(x, -unit)), unit);
    const double infinity = std::numeric_limits<double>::infinity();
    return std::abs(near) < std::ldexp(1.0, Format::most) ? near : std::copysign(infinity, x);
}

using Shape = std::vector<std::size_t>;

inline std::string text(const Shape& shape)
{
    std::string out;
    for (std::size_t size : shape) out += (out.empty() ? "" : ", ") + std::to_string(size);
    return "[" + out + "]";
}

/// Numbers in row-major order: the last axis is the fastest.
template <class Number>
struct Tensor {
    Shape shape;
    std::vector<Number> values;

    Tensor() = default;

    explicit Tensor(const Shape& shape) : shape(shape)
    {
        std::size_t count = 1;
        for (std::size_t size : shape) count *= size;
        values.assign(count, Number(0));
    }

    /// Where row (i, j) of three axes starts, or row j of two.
    std::size_t start(std::size_t i, std::size_t j) const
    {
        return (i * shape[shape.size() - 2] + j) * shape.back();
    }

    std::vector<Number> row(std::size_t i, std::size_t j) const
    {
        const auto first = values.begin() + start(i, j);
        return {first, first + shape.back()};
    }

    /// Writes a row, or a part of one from a column on.
    void put(std::size_t i, std::size_t j, const std::vector<Number>& part, std::size_t column = 0)
    {
        std::copy(part.begin(), part.end(), values.begin() + start(i, j) + column);
    }
};

template <class Number>
using Tensors = std::map<std::string, Tensor<Number>>;

/// The same numbers as another type holds them.
template <class Number>
Tensors<Number> as(const Tensors<double>& tensors)
{
    Tensors<Number> out;
    for (const auto& [name, tensor] : tensors) {
        std::vector<Number>& values = out[name].values;
        out[name].shape = tensor.shape;
        for (double x : tensor.values) values.push_back(Number(x));
    }
    return out;
}

/// A number of `values`: JSON has none for these three, so they are strings.
inline double number(const json::Value& value)
{
    if (value.kind == json::Value::number) return value.quantity;
    for (const char* word : {"nan", "inf", "-inf"}) {
        if (value.kind == json::Value::string && value.text == word) return std::strtod(word, nullptr);
    }
    throw std::runtime_error("a number was expected");
}

/// Appends the numbers below `value`, which has the axes of `shape` from `axis` on.
template <class Format>
void gather(const json::Value& value, const Shape& shape, std::size_t axis, std::vector<double>& out)
{
    if (axis == shape.size()) {
        out.push_back(rounded<Format>(number(value)));
        return;
    }
    if (value.kind != json::Value::array || value.items.size() != shape[axis]) {
        throw std::runtime_error("values are not nested as the shape says");
    }
    for (const json::Value& item : value.items) gather<Format>(item, shape, axis + 1, out);
}

inline std::size_t size(const json::Value& value)
{
    const double size = value.quantity;
    if (value.kind != json::Value::number || size < 0 || size > 1e9 || size != std::floor(size)) {
        throw std::runtime_error("a size was expected");
    }
    return static_cast<std::size_t>(size);
}

inline bool truth(const json::Value& value)
{
    if (value.kind != json::Value::boolean) throw std::runtime_error("what is true or false was expected");
    return value.truth;
}

/// The tensors of a JSON object, all of one dtype, exactly: a binary64 holds every number of every format.
template <class Format>
Tensors<double> tensors(const json::Value& object, const std::string& dtype)
{
    Tensors<double> out;
    for (std::size_t n = 0; n < object.items.size(); ++n) {
        const json::Value& coded = object.items[n];
        if (coded.at("dtype", json::Value::string).text != dtype) {
            throw std::runtime_error(object.keys[n] + " is not of the dtype of the case");
        }
        Tensor<double>& tensor = out[object.keys[n]];
        for (const json::Value& item : coded.at("shape", json::Value::array).items) {
            tensor.shape.push_back(size(item));
        }
        const json::Value* values = coded.find("values");
        if (!values) throw std::runtime_error(object.keys[n] + " has no values");
        gather<Format>(*values, tensor.shape, 0, tensor.values);
    }
    return out;
}
