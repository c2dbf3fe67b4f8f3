// The LSTM, written from the schema: nothing but loops over sums, sigmoids and tanhs.
//
// Number is float or double, or what bound.hpp puts in their place.

#pragma once

#include <cmath>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <vector>

#include "tensor.hpp"

struct Configuration {
    std::size_t I = 0, H = 0;  // columns of the input, of the cell state
    std::size_t L = 1, D = 1;  // layers, directions
    std::size_t P = 0;         // columns of the hidden state where it is projected
    bool bias = true;

    /// Columns of the hidden state.
    std::size_t width() const { return P > 0 ? P : H; }
};

template <class Number>
using Vector = std::vector<Number>;

/// What an LSTM gives: output (T, B, D * width), h_n (L * D, B, width) and c_n (L * D, B, H), by name.
template <class Number>
using Result = Tensors<Number>;

/// The weights of one layer and direction. Without biases they are 0; without a projection W_hr has no rows.
template <class Number>
struct Weights {
    Tensor<Number> W_ih, W_hh, b_ih, b_hh, W_hr;
};

template <class Number>
Number sigmoid(Number a)
{
    return 1 / (1 + std::exp(-a));
}

/// Row k of a matrix times a vector.
template <class Number>
Number dot(const Tensor<Number>& W, std::size_t k, const Vector<Number>& x)
{
    Number sum(0);
    for (std::size_t j = 0; j < x.size(); ++j) sum = sum + W.values[W.start(0, k) + j] * x[j];
    return sum;
}

/// One step of one layer and direction on one row of the batch: h and c become h' and c'.
template <class Number>
void step(const Weights<Number>& w, const Vector<Number>& x, Vector<Number>& h, Vector<Number>& c)
{
    using std::tanh;
    const std::size_t H = c.size();
    const auto a = [&](std::size_t gate, std::size_t k) {
        const std::size_t row = gate * H + k;  // the blocks of the gates lie one below the other
        return dot(w.W_ih, row, x) + w.b_ih.values[row] + dot(w.W_hh, row, h) + w.b_hh.values[row];
    };
    Vector<Number> hidden(H, Number(0));
    for (std::size_t k = 0; k < H; ++k) {
        const Number i = sigmoid(a(0, k)), f = sigmoid(a(1, k)), g = tanh(a(2, k)), o = sigmoid(a(3, k));
        c[k] = f * c[k] + i * g;
        hidden[k] = o * tanh(c[k]);
    }
    if (w.W_hr.shape[0] > 0) {
        for (std::size_t k = 0; k < h.size(); ++k) h[k] = dot(w.W_hr, k, hidden);
    } else {
        h = hidden;
    }
}

/// A given tensor of a certain shape.
template <class Number>
const Tensor<Number>& take(const Tensors<Number>& given, const std::string& name, const Shape& shape)
{
    const auto place = given.find(name);
    if (place == given.end()) throw std::runtime_error("no " + name + " is given");
    if (place->second.shape != shape) {
        throw std::runtime_error(name + " is " + text(place->second.shape) + ", not " + text(shape));
    }
    return place->second;
}

/// The same where zeros stand for a tensor that is not there.
template <class Number>
Tensor<Number> take_or_zeros(const Tensors<Number>& given, const std::string& name, const Shape& shape)
{
    return given.count(name) ? take(given, name, shape) : Tensor<Number>(shape);
}

inline std::string suffix(std::size_t layer, std::size_t direction)
{
    return "_l" + std::to_string(layer) + (direction == 1 ? "_reverse" : "");
}

template <class Number>
Weights<Number> weights(
    const Configuration& net, const Tensors<Number>& given, std::size_t layer, std::size_t direction)
{
    const std::size_t columns = layer == 0 ? net.I : net.D * net.width(), rows = 4 * net.H;
    const std::string end = suffix(layer, direction);
    const Tensor<Number> none({rows});
    return {take(given, "weight_ih" + end, {rows, columns}),
            take(given, "weight_hh" + end, {rows, net.width()}),
            net.bias ? take(given, "bias_ih" + end, {rows}) : none,
            net.bias ? take(given, "bias_hh" + end, {rows}) : none,
            net.P > 0 ? take(given, "weight_hr" + end, {net.P, net.H}) : Tensor<Number>({0, net.H})};
}

/// Runs the network on `input` (T, B, I), from the states h_0 and c_0 or from zeros.
template <class Number>
Result<Number> run(const Configuration& net, const Tensors<Number>& given)
{
    const std::size_t states = net.L * net.D, width = net.width();
    const Shape sizes = given.count("input") ? given.at("input").shape : Shape{};
    const std::size_t T = sizes.size() == 3 ? sizes[0] : 0, B = sizes.size() == 3 ? sizes[1] : 0;
    Tensor<Number> x = take(given, "input", {T, B, net.I});
    Tensor<Number> h_n = take_or_zeros(given, "h_0", {states, B, width});
    Tensor<Number> c_n = take_or_zeros(given, "c_0", {states, B, net.H});

    for (std::size_t layer = 0; layer < net.L; ++layer) {
        Tensor<Number> output({T, B, net.D * width});
        for (std::size_t direction = 0; direction < net.D; ++direction) {
            const Weights<Number> w = weights(net, given, layer, direction);
            const std::size_t state = layer * net.D + direction;
            for (std::size_t b = 0; b < B; ++b) {
                Vector<Number> h = h_n.row(state, b), c = c_n.row(state, b);
                for (std::size_t s = 0; s < T; ++s) {
                    const std::size_t t = direction == 0 ? s : T - 1 - s;  // backwards: the last step first
                    step(w, x.row(t, b), h, c);
                    output.put(t, b, h, direction * width);
                }
                h_n.put(state, b, h);
                c_n.put(state, b, c);
            }
        }
        x = output;  // which the layer above reads
    }
    return {{"output", x}, {"h_n", h_n}, {"c_n", c_n}};
}
