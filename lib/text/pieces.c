// GPT-2's pattern, run by PCRE2 with Unicode's properties.
#include "text/pieces.h"

#include <assert.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/memory.h"

// White space as Unicode has it, and as the tokenizers that these vocabularies were made with see
// it. PCRE2's own \s counts U+180E, too, which has not been a blank for years.
#define BLANK "\\p{Z}\\x09-\\x0d\\x{85}"

// A run of blanks leaves its last one to the word behind it. Every character is in some piece, so
// that the pattern matches wherever it is tried.
static const char pattern[] = "'(?:s|t|re|ve|m|ll|d)"
                              "| ?\\p{L}+"
                              "| ?\\p{N}+"
                              "| ?[^" BLANK "\\p{L}\\p{N}]+"
                              "|[" BLANK "]+(?![^" BLANK "])"
                              "|[" BLANK "]+";

struct rk__piece_cutter {
    pcre2_code *code;
};

struct rk__piece_walk {
    const rk__piece_cutter *cutter;
    pcre2_match_data *match;
    pcre2_match_context *context;
};

static rk_status fail_pcre(rk_error *err, int code, const char *what) {
    char reason[128] = "";
    pcre2_get_error_message(code, (PCRE2_UCHAR *)reason, sizeof reason);
    const bool memory = code == PCRE2_ERROR_NOMEMORY || code == PCRE2_ERROR_HEAP_FAILED;
    return rk__fail(err, memory ? RK_ERR_MEMORY : RK_ERR_UNSUPPORTED, "PCRE2 could not %s: %s",
                    what, reason);
}

rk_status rk__piece_cutter_new(rk__piece_cutter **out, rk_error *err) {
    *out = NULL;
    void *memory;
    RK_TRY(rk__alloc(&memory, 1, sizeof(rk__piece_cutter), err));
    rk__piece_cutter *cutter = memory;
    int code;
    PCRE2_SIZE offset;
    cutter->code = pcre2_compile((PCRE2_SPTR)pattern, sizeof pattern - 1,
                                 PCRE2_UTF | PCRE2_UCP | PCRE2_ANCHORED, &code, &offset, NULL);
    if (!cutter->code) {
        rk__piece_cutter_free(&cutter);
        return fail_pcre(err, code, "compile the pattern of words");
    }
    // Where code may not be made at run time, the pattern is interpreted: slower, the same pieces.
    (void)pcre2_jit_compile(cutter->code, PCRE2_JIT_COMPLETE);
    *out = cutter;
    return RK_OK;
}

void rk__piece_cutter_free(rk__piece_cutter **cutter) {
    if (!*cutter) return;
    pcre2_code_free((*cutter)->code);
    rk__free(*cutter);
    *cutter = NULL;
}

rk_status rk__piece_walk_new(rk__piece_walk **out, const rk__piece_cutter *cutter, rk_error *err) {
    *out = NULL;
    void *memory;
    RK_TRY(rk__alloc(&memory, 1, sizeof(rk__piece_walk), err));
    rk__piece_walk *walk = memory;
    walk->cutter = cutter;
    walk->match = pcre2_match_data_create_from_pattern(cutter->code, NULL);
    walk->context = pcre2_match_context_create(NULL);
    if (!walk->match || !walk->context) {
        rk__piece_walk_free(&walk);
        return fail_pcre(err, PCRE2_ERROR_NOMEMORY, "prepare a match");
    }
    // Steps are linear in the text, so the limits that guard against patterns are in the way.
    pcre2_set_match_limit(walk->context, UINT32_MAX);
    pcre2_set_depth_limit(walk->context, UINT32_MAX);
    *out = walk;
    return RK_OK;
}

void rk__piece_walk_free(rk__piece_walk **walk) {
    if (!*walk) return;
    pcre2_match_data_free((*walk)->match);
    pcre2_match_context_free((*walk)->context);
    rk__free(*walk);
    *walk = NULL;
}

rk_status rk__piece_walk_end(rk__piece_walk *walk, const char *text, size_t length, size_t begin,
                             size_t *end, rk_error *err) {
    const int code = pcre2_match(walk->cutter->code, (PCRE2_SPTR)text, length, begin,
                                 PCRE2_NO_UTF_CHECK, walk->match, walk->context);
    if (code < 0) return fail_pcre(err, code, "cut the text into words");
    *end = pcre2_get_ovector_pointer(walk->match)[1];
    assert(*end > begin && *end <= length);
    return RK_OK;
}
