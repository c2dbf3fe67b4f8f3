// A strict reader of JSON (RFC 8259), but for \u escapes, which no recording has.
// What it does not understand, it refuses, and says in which line.

#pragma once

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace json {

struct Value {
    enum Kind { null, boolean, number, string, array, object };

    Kind kind = null;
    bool truth = false;
    double quantity = 0;            // of a number: the nearest binary64
    std::string text;               // of a string
    std::vector<std::string> keys;  // of an object, one for each item
    std::vector<Value> items;       // of an array or an object

    /// The item of a key; a null pointer if there is none.
    const Value* find(const std::string& key) const
    {
        const auto place = std::find(keys.begin(), keys.end(), key);
        return place == keys.end() ? nullptr : &items[place - keys.begin()];
    }

    /// The item of a key, which has to be there and of that kind.
    const Value& at(const std::string& key, Kind wanted) const
    {
        const Value* item = find(key);
        if (!item) throw std::runtime_error("there is no '" + key + "'");
        if (item->kind != wanted) throw std::runtime_error("'" + key + "' is of another kind");
        return *item;
    }
};

class Reader {
public:
    explicit Reader(const std::string& text) : text(text) {}

    /// The one value that the text holds.
    Value read()
    {
        Value value = item(0);
        space();
        if (place != text.size()) refuse("more text after the end");
        return value;
    }

private:
    const std::string& text;
    std::size_t place = 0;

    [[noreturn]] void refuse(const std::string& why) const
    {
        const auto line = 1 + std::count(text.begin(), text.begin() + place, '\n');
        throw std::runtime_error("line " + std::to_string(line) + ": " + why);
    }

    char peek() const { return place < text.size() ? text[place] : '\0'; }

    void space()
    {
        while (skip(" ") || skip("\n") || skip("\t") || skip("\r")) {}
    }

    /// Steps over a piece of text, if it comes next.
    bool skip(std::string_view piece)
    {
        const bool there = text.compare(place, piece.size(), piece) == 0;
        if (there) place += piece.size();
        return there;
    }

    void expect(std::string_view piece)
    {
        space();
        if (!skip(piece)) refuse("'" + std::string(piece) + "' was expected");
    }

    Value item(int depth)
    {
        if (depth > 100) refuse("nested too deep");
        Value value;
        space();
        if (skip("{")) {
            value.kind = Value::object;
            list(value, '}', depth);
        } else if (skip("[")) {
            value.kind = Value::array;
            list(value, ']', depth);
        } else if (peek() == '"') {
            value.kind = Value::string;
            value.text = string();
        } else if (skip("true")) {
            value.kind = Value::boolean;
            value.truth = true;
        } else if (skip("false")) {
            value.kind = Value::boolean;
        } else if (!skip("null")) {
            value.kind = Value::number;
            value.quantity = number();
        }
        return value;
    }

    /// The items up to the closing bracket, each after its key in an object.
    void list(Value& value, char close, int depth)
    {
        const std::string end(1, close);
        space();
        if (skip(end)) return;
        do {
            if (value.kind == Value::object) {
                space();
                const std::string key = string();
                if (value.find(key)) refuse("the key '" + key + "' is there twice");
                expect(":");
                value.keys.push_back(key);
            }
            value.items.push_back(item(depth + 1));
            space();
        } while (skip(","));
        expect(end);
    }

    std::size_t digits()
    {
        const std::size_t start = place;
        while (peek() >= '0' && peek() <= '9') ++place;
        return place - start;
    }

    /// strtod rounds correctly, and reads a point as such in the locale "C", in which a program starts.
    double number()
    {
        const std::size_t start = place;
        skip("-");
        const bool zero = peek() == '0';
        const std::size_t whole = digits();
        bool good = whole == 1 || (whole > 1 && !zero);
        if (good && skip(".")) good = digits() > 0;
        if (good && (skip("e") || skip("E"))) {
            if (!skip("-")) skip("+");
            good = digits() > 0;
        }
        if (!good) refuse("a value was expected");
        const double value = std::strtod(text.substr(start, place - start).c_str(), nullptr);
        if (std::isinf(value)) refuse("a number beyond binary64");
        return value;
    }

    std::string string()
    {
        if (!skip("\"")) refuse("a string was expected");
        std::string out;
        while (!skip("\"")) {
            if (static_cast<unsigned char>(peek()) < ' ') refuse("a string without end");
            out += skip("\\") ? escaped() : text[place++];
        }
        return out;
    }

    char escaped()
    {
        const std::string_view letters = "\"\\/bfnrt", meant = "\"\\/\b\f\n\r\t";
        const std::size_t which = letters.find(peek());
        if (which == std::string_view::npos) refuse("an escape that is not read here");
        ++place;
        return meant[which];
    }
};

}  // namespace json
