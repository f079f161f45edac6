// Parses strategy strings.
#include "stage/strategy.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { LONGEST_WORD = 32, MOST_LAYERS = 1000000 };

static const char examples[] = "\"cpu fp32\", \"cuda fp16\", \"cuda fp16i8 *20 -> cpu fp32\", "
                               "\"cuda fp16 *20+\", \"auto\"";

// A strategy that is being read, one word or sign ahead: word is what stands at `at`.
typedef struct reader {
    const char *text, *at, *rest;
    char word[LONGEST_WORD];
    rk_error *err;
} reader;

static bool is_word_byte(char c) {
    return isalnum((unsigned char)c) || c == '_' || c == ':' || c == '.';
}

// Bytes of the word or sign at the beginning of text. "->" is one sign; other bytes stand alone.
static size_t word_length(const char *text) {
    size_t n = 0;
    while (is_word_byte(text[n])) n++;
    if (n > 0) return n;
    if (text[0] == '-' && text[1] == '>') return 2;
    return text[0] == '\0' ? 0 : 1;
}

// Moves to the next word; it is empty at the end. Words longer than the buffer are cut: none of
// ours is that long.
static void advance(reader *r) {
    const char *at = r->rest;
    while (isspace((unsigned char)*at)) at++;
    const size_t n = word_length(at);
    const size_t kept = n < LONGEST_WORD ? n : LONGEST_WORD - 1;
    memcpy(r->word, at, kept);
    r->word[kept] = '\0';
    r->at = at;
    r->rest = at + n;
}

static rk_status refuse(const reader *r, const char *why) {
    const size_t column = (size_t)(r->at - r->text) + 1;
    if (*r->at == '\0') {
        return rk__fail(r->err, RK_ERR_ARGUMENT,
                        "strategy \"%.80s\": it ends at column %zu, but %s (examples: %s)", r->text,
                        column, why, examples);
    }
    return rk__fail(r->err, RK_ERR_ARGUMENT,
                    "strategy \"%.80s\": column %zu: '%s': %s (examples: %s)", r->text, column,
                    r->word, why, examples);
}

// Decimal digits alone, at most `most`.
static bool parse_number(size_t *out, const char *text, size_t most) {
    size_t value = 0;
    if (*text == '\0') return false;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9') return false;
        value = value * 10 + (size_t)(*text - '0');
        if (value > most) return false;
    }
    *out = value;
    return true;
}

static rk_status read_device(reader *r, rk__device *device) {
    static const char *const elsewhere[] = {"mps", "dml", "xpu", "hip", "rocm", "vulkan", "webgpu"};
    *device = (rk__device){.kind = RK__DEVICE_CPU};
    if (strcasecmp(r->word, "cpu") == 0) {
        advance(r);
        return RK_OK;
    }
    for (size_t i = 0; i < sizeof elsewhere / sizeof elsewhere[0]; i++) {
        if (strcasecmp(r->word, elsewhere[i]) != 0) continue;
        return rk__fail(r->err, RK_ERR_UNSUPPORTED,
                        "strategy \"%.80s\": column %zu: no device '%s' here, there are cpu and "
                        "cuda",
                        r->text, (size_t)(r->at - r->text) + 1, r->word);
    }
    if (strncasecmp(r->word, "cuda", 4) != 0) return refuse(r, "a device is wanted, cpu or cuda");
    device->kind = RK__DEVICE_CUDA;
    const char *index = r->word + 4;
    if (*index == ':' && !parse_number(&device->index, index + 1, RK__MAX_DEVICES - 1)) {
        return refuse(r, "the number of a device is wanted, as in cuda:1");
    }
    if (*index != ':' && *index != '\0') return refuse(r, "a device is wanted, cpu or cuda");
    advance(r);
    return RK_OK;
}

// "fp16i8": activations in the type before, which ours never are, and weights in 8 bits.
static bool parse_type(rk_dtype *out, const char *word) {
    if (rk_dtype_parse(out, word)) return true;
    char float_type[LONGEST_WORD];
    const size_t n = strlen(word);
    if (n < 3 || strcasecmp(word + n - 2, "i8") != 0) return false;
    memcpy(float_type, word, n - 2);
    float_type[n - 2] = '\0';
    rk_dtype dtype;
    if (!rk_dtype_parse(&dtype, float_type)) return false;
    if (rk_dtype_describe(dtype)->class_ != RK_CLASS_FLOAT) return false;
    *out = RK_DTYPE_Q8_0;
    return true;
}

// What may follow a device. Words that begin with a letter can be nothing else than a type.
static rk_status read_type(reader *r, rk__strategy_part *part) {
    part->keep_types = true;
    if (!is_word_byte(r->word[0])) return RK_OK;
    if (!parse_type(&part->dtype, r->word)) {
        return refuse(r, "no type of weights (FP32, FP16, BF16, fp16i8, Q8_0, Q5_1, ...)");
    }
    part->keep_types = false;
    advance(r);
    return RK_OK;
}

static rk_status read_count(reader *r, rk__strategy_part *part) {
    if (strcmp(r->word, "*") == 0) {
        advance(r);
        // "*+" is as many as fit.
        part->has_count = strcmp(r->word, "+") != 0;
        if (part->has_count) {
            if (!parse_number(&part->count, r->word, MOST_LAYERS)) {
                return refuse(r, "a number of layers is wanted after '*'");
            }
            advance(r);
        }
    }
    if (strcmp(r->word, "+") != 0) return RK_OK;
    if (part->device.kind == RK__DEVICE_CPU) {
        return refuse(r, "layers are streamed to a GPU; on the CPU they are in its memory anyway");
    }
    part->streams = true;
    advance(r);
    return RK_OK;
}

static rk_status read_part(reader *r, rk__strategy *out) {
    if (out->n_parts == RK__MAX_STAGES) return refuse(r, "more than 16 parts");
    rk__strategy_part *part = &out->parts[out->n_parts];
    *part = (rk__strategy_part){0};
    RK_TRY(read_device(r, &part->device));
    RK_TRY(read_type(r, part));
    const reader before = *r;
    RK_TRY(read_count(r, part));
    for (size_t i = 0; part->streams && i < out->n_parts; i++) {
        if (out->parts[i].streams) return refuse(&before, "a second part with '+'");
    }
    out->n_parts++;
    return RK_OK;
}

rk_status rk__strategy_parse(rk__strategy *out, const char *text, rk_error *err) {
    reader r = {.text = text, .rest = text, .err = err};
    *out = (rk__strategy){0};
    advance(&r);
    if (r.word[0] == '\0') {
        return rk__fail(err, RK_ERR_ARGUMENT, "strategy is empty (examples: %s)", examples);
    }
    if (strcasecmp(r.word, "auto") == 0) {
        out->automatic = true;
        out->n_parts = 1;
        advance(&r);
        RK_TRY(read_type(&r, &out->parts[0]));
    } else {
        RK_TRY(read_part(&r, out));
        while (strcmp(r.word, "->") == 0) {
            advance(&r);
            RK_TRY(read_part(&r, out));
        }
    }
    if (r.word[0] == '\0') return RK_OK;
    return refuse(&r, out->automatic ? "auto is followed by a type or nothing"
                                     : "'->' and the next part are wanted here, or the end");
}

char *rk__device_name(char text[RK__DEVICE_TEXT], rk__device device) {
    if (device.kind == RK__DEVICE_CPU) {
        (void)snprintf(text, RK__DEVICE_TEXT, "cpu");
    } else {
        (void)snprintf(text, RK__DEVICE_TEXT, "cuda:%zu", device.index);
    }
    return text;
}

bool rk__same_device(rk__device a, rk__device b) {
    return a.kind == b.kind && a.index == b.index;
}
