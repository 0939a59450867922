// Two networks in one program, each in a thread of its own: rexnet_digits and one that is named `tiny`. C++17.
//
//     two INPUT.f32

#include <array>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "rexnet_digits.h"
#include "tiny.h"

// A model that ends with its pointer. Each network has functions and types of its own.
using Digits = std::unique_ptr<rexnet_digits_model, decltype(&rexnet_digits_destroy)>;
using Tiny = std::unique_ptr<tiny_model, decltype(&tiny_destroy)>;

static Digits digits()
{
    rexnet_digits_model *model = nullptr;
    if (rexnet_digits_create(2, &model) != REXNET_DIGITS_OK) {
        std::array<char, 256> text{};
        rexnet_digits_last_error(text.data(), text.size());
        throw std::runtime_error(text.data());
    }
    return {model, &rexnet_digits_destroy};
}

static Tiny tiny()
{
    tiny_model *model = nullptr;
    if (tiny_create(1, &model) != TINY_OK) {
        std::array<char, 256> text{};
        tiny_last_error(text.data(), text.size());
        throw std::runtime_error(text.data());
    }
    return {model, &tiny_destroy};
}

int main(int argc, char **argv)
{
    static_assert(REXNET_DIGITS_INPUT_LENGTH == TINY_INPUT_LENGTH, "both take the same pictures");
    std::vector<float> input(TINY_INPUT_LENGTH);
    std::ifstream file(argc > 1 ? argv[1] : "", std::ios::binary);
    if (!file.read(reinterpret_cast<char *>(input.data()), static_cast<std::streamsize>(input.size() * sizeof(float)))) {
        std::cerr << "usage: two INPUT.f32; the file has " << input.size() << " values\n";
        return 1;
    }

    std::vector<float> scores(REXNET_DIGITS_OUTPUT_LENGTH), other(TINY_OUTPUT_LENGTH);
    const Digits first = digits();
    const Tiny second = tiny();
    bool failed = false;
    std::thread beside([&] {
        failed = tiny_run(second.get(), input.data(), input.size(), other.data(), other.size()) != TINY_OK;
    });
    const auto status = rexnet_digits_run(first.get(), input.data(), input.size(), scores.data(), scores.size());
    beside.join();
    if (failed || status != REXNET_DIGITS_OK)
        return 1;

    for (std::size_t i = 0; i < scores.size(); i++)
        std::printf("%zu %.9g\n", i, static_cast<double>(scores[i]));
    for (std::size_t i = 0; i < other.size(); i++)
        std::printf("tiny %zu %.9g\n", i, static_cast<double>(other[i]));
}
