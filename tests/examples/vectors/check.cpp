// Runs the LSTM of lstm.hpp on every case of a file of snapshots/, and compares it with what was recorded.
//
//     ./check ../../../snapshots/SEQ-9-LSTM.json
//
// Prints a line for each case. Exits with 0 if all are right, with 1 if one is wrong, and with 2 if the file
// cannot be read, holds no case, or asks for what this program does not know.

#include <cmath>
#include <fstream>
#include <iostream>
#include <iterator>
#include <limits>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>

#include "bound.hpp"
#include "json.hpp"
#include "lstm.hpp"
#include "tensor.hpp"

using json::Value;

/// The network of a case. A word that is not known here may change the result: it is refused.
Configuration configuration(const Value& words)
{
    const std::set<std::string> idle{"seed", "batch_first"};  // recorded tensors are time first in any case
    Configuration net;
    for (std::size_t n = 0; n < words.items.size(); ++n) {
        const std::string& word = words.keys[n];
        const Value& value = words.items[n];
        if (word == "input_size") net.I = size(value);
        else if (word == "hidden_size") net.H = size(value);
        else if (word == "num_layers") net.L = size(value);
        else if (word == "proj_size") net.P = size(value);
        else if (word == "bias") net.bias = truth(value);
        else if (word == "bidirectional") net.D = truth(value) ? 2 : 1;
        else if (!idle.count(word)) throw std::runtime_error("configuration/" + word + " is not known here");
    }
    if (net.H == 0 || net.L == 0) throw std::runtime_error("configuration: no hidden_size or no layer");
    return net;
}

/// The names of all that the network may be given. Any other, such as lengths, may change the result.
std::set<std::string> names(const Configuration& net)
{
    std::set<std::string> out{"input", "h_0", "c_0"}, weights{"weight_ih", "weight_hh"};
    if (net.bias) weights.insert({"bias_ih", "bias_hh"});
    if (net.P > 0) weights.insert("weight_hr");
    for (std::size_t layer = 0; layer < net.L; ++layer) {
        for (std::size_t direction = 0; direction < net.D; ++direction) {
            for (const std::string& name : weights) out.insert(name + suffix(layer, direction));
        }
    }
    return out;
}

/// How far a number is from the recorded one: above 1, it is wrong. Equal infinities and two NaNs are at 0.
double distance(double got, double recorded, double allowed)
{
    if (got == recorded || (std::isnan(got) && std::isnan(recorded))) return 0;
    const double ratio = std::abs(got - recorded) / allowed;
    return std::isnan(ratio) ? std::numeric_limits<double>::infinity() : ratio;
}

/// The index of an element, from its place in row-major order.
Shape index(std::size_t place, const Shape& shape)
{
    Shape out(shape.size());
    for (std::size_t axis = shape.size(); axis-- > 0; place /= shape[axis]) out[axis] = place % shape[axis];
    return out;
}

/// A result beside the recorded one: how many numbers, and what is to be said of the farthest of them.
struct Comparison {
    std::size_t count = 0;
    double farthest = -1;
    std::string words = "nothing in it";

    void add(double far, const std::string& why)
    {
        if (far > farthest) {
            farthest = far;
            words = why;
        }
    }
};

template <class Number, class Bound>
void compare(
    const std::string& name,
    const Tensor<Number>& got,
    const Tensor<double>& recorded,
    const Tensor<Bound>& bound,
    Comparison& all)
{
    if (got.shape != recorded.shape) {
        const double infinity = std::numeric_limits<double>::infinity();
        return all.add(infinity, name + " is " + text(got.shape) + ", recorded " + text(recorded.shape));
    }
    all.count += recorded.values.size();
    for (std::size_t n = 0; n < recorded.values.size(); ++n) {
        const double x = got.values[n], y = recorded.values[n], allowed = 2 * bound.values.at(n).error();
        std::ostringstream line;
        line.precision(9);
        line << name << text(index(n, got.shape)) << " is " << x << ", recorded " << y << ": off by "
             << std::abs(x - y) << ", allowed " << allowed;
        all.add(distance(x, y, allowed), line.str());
    }
}

/// Runs and compares one case, and says on one line how that went.
template <class Format>
bool check(const std::string& name, const Value& coded, const std::string& dtype)
{
    using Number = typename Format::Number;
    const Configuration net = configuration(coded.at("configuration", Value::object));
    const Tensors<double> given = tensors<Format>(coded.at("given", Value::object), dtype);
    const Tensors<double> recorded = tensors<Format>(coded.at("result", Value::object), dtype);

    // Call your own implementation here, in place of run. The bound is that of the equations.
    const Result<Number> result = run(net, as<Number>(given));
    const Result<Bounded<Format>> bound = run(net, as<Bounded<Format>>(given));

    const std::set<std::string> known = names(net);
    for (const auto& [what, tensor] : given) {
        if (!known.count(what)) throw std::runtime_error("given/" + what + " is not known here");
    }
    if (recorded.empty()) throw std::runtime_error("no result is recorded");
    Comparison all;
    for (const auto& [what, tensor] : recorded) {
        if (!result.count(what)) throw std::runtime_error("result/" + what + " is not known here");
        compare(what, result.at(what), tensor, bound.at(what), all);
    }
    const bool right = all.farthest <= 1;
    std::cout << (right ? "ok    " : "WRONG ") << name << " (" << dtype << ", " << all.count
              << " numbers): " << all.words << "\n";
    return right;
}

bool check(const std::string& name, const Value& coded)
{
    const std::string& dtype = coded.at("written_by", Value::object).at("dtype", Value::string).text;
    if (dtype == "float64") return check<Float64>(name, coded, dtype);
    if (dtype == "float32") return check<Float32>(name, coded, dtype);
    if (dtype == "float16") return check<Float16>(name, coded, dtype);
    if (dtype == "bfloat16") return check<BFloat16>(name, coded, dtype);
    throw std::runtime_error("the dtype " + dtype + " is not known here");
}

/// The number of wrong cases.
std::size_t check_file(const std::string& path)
{
    std::ifstream file(path, std::ios::binary);
    const std::string content{std::istreambuf_iterator<char>(file), {}};
    if (!file) throw std::runtime_error("it cannot be opened");
    const Value root = json::Reader(content).read();
    if (root.at("mode", Value::string).text != "LSTM") throw std::runtime_error("its mode is not LSTM");
    const Value& cases = root.at("cases", Value::object);
    if (cases.items.empty()) throw std::runtime_error("it holds no case");

    std::size_t wrong = 0;
    for (std::size_t n = 0; n < cases.items.size(); ++n) {
        try {
            wrong += !check(cases.keys[n], cases.items[n]);
        } catch (const std::exception& error) {
            throw std::runtime_error(cases.keys[n] + ": " + error.what());
        }
    }
    std::cout << cases.items.size() << " cases, " << wrong << " wrong\n";
    return wrong;
}

int main(int count, char** words)
{
    if (count != 2) {
        std::cerr << "usage: check FILE.json\n";
        return 2;
    }
    try {
        return check_file(words[1]) == 0 ? 0 : 1;
    } catch (const std::exception& error) {
        std::cerr << words[1] << ": " << error.what() << "\n";
        return 2;
    }
}
