// Which of a file's dictionaries are the weights, and what is stripped around them.
#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include "rk/checkpoint.h"
#include "sample_archive.h"
#include "support/scratch.h"

TestSuite(state_dict, .fini = test_scratch_remove);

static char message[512];

static const sample_tensor small = {"FloatStorage", "0", 6, 0, 1, {6}, {1}};

// Opcodes as a small language: "{" and "}" are a dictionary, a word is a text, "=t" a tensor, "=n"
// a number, "=l" an empty list. So "{ model { a =t } epoch =n }".
static sample_bytes pickle_of(const char *description) {
    sample_bytes pickle = {0};
    char copy[512];
    snprintf(copy, sizeof copy, "%s", description);
    sample_put_text(&pickle, "\x80\x02");
    for (char *rest = copy, *word; (word = strtok_r(rest, " ", &rest));) {
        if (strcmp(word, "{") == 0) {
            sample_put_text(&pickle, "}(");
        } else if (strcmp(word, "}") == 0) {
            sample_put_text(&pickle, "u");
        } else if (strcmp(word, "=t") == 0) {
            sample_put_tensor(&pickle, &small);
        } else if (strcmp(word, "=n") == 0) {
            sample_put_number(&pickle, 7);
        } else if (strcmp(word, "=l") == 0) {
            sample_put_text(&pickle, "]");
        } else if (strcmp(word, "=o") == 0) {
            sample_put_text(&pickle, "cproject\nConfig\n)\x81");
        } else {
            sample_put_string(&pickle, word);
        }
    }
    sample_put_text(&pickle, ".");
    return pickle;
}

static const char *file_of(const char *description) {
    sample_bytes pickle = pickle_of(description);
    sample_bytes file = sample_checkpoint(&pickle, sample_floats, sizeof sample_floats);
    const char *path = sample_file(&file);
    sample_free(&file);
    sample_free(&pickle);
    return path;
}

// The root and the names, joined by blanks, of what is below `wanted` (NULL: of what is found).
static void assert_found_below(const char *description, const char *wanted, const char *root,
                               const char *names) {
    rk_checkpoint *file;
    rk_error err;
    cr_assert_eq(rk_checkpoint_open_below(&file, file_of(description), wanted, &err), RK_OK,
                 "%s: %s", description, err.message);
    cr_assert_str_eq(rk_checkpoint_root(file), root, "%s", description);
    char found[512] = "";
    for (size_t i = 0; i < rk_checkpoint_count(file); i++) {
        if (i > 0) strcat(found, " ");
        strcat(found, rk_checkpoint_tensor(file, i)->name);
    }
    cr_assert_str_eq(found, names, "%s", description);
    rk_checkpoint_close(&file);
}

static void assert_found(const char *description, const char *root, const char *names) {
    assert_found_below(description, NULL, root, names);
}

static void assert_refused(const char *description, const char *words) {
    cr_assert_neq(sample_read_all(file_of(description), message), RK_OK, "%s", description);
    cr_assert_not_null(strstr(message, words), "%s: %s", description, message);
}

Test(state_dict, plain) {
    assert_found("{ b =t a =t }", "", "b a");
    assert_found("{ a =t note =n config =o }", "", "a");
    assert_found("{ a.b.c =t }", "", "a.b.c");
}

Test(state_dict, wrapped) {
    assert_found("{ model { a =t b =t } optimizer { state { } param_groups =l } epoch =n }",
                 "model", "a b");
    assert_found("{ state_dict { a =t } }", "state_dict", "a");
    assert_found("{ module { a =t } lr_scheduler { x =n } }", "module", "a");
    assert_found(
        "{ checkpoint =n state { model { state_dict { a =t } } } model { state_dict { b =t } } }",
        "model.state_dict", "b");
    assert_found("{ my_weights { a =t b =t } step =n }", "my_weights", "a b");
}

Test(state_dict, choices) {
    // A loss beside the weights is not the weights.
    assert_found("{ loss =t state_dict { a =t b =t } }", "state_dict", "a b");
    // A network with a part called "model" keeps its own names.
    assert_found("{ a =t b =t c =t model { d =t } }", "", "a b c");
    // What is called the state dictionary goes before copies.
    assert_found("{ model_ema { e =t } model { m =t } }", "model", "m");
    assert_found("{ optimizer { state { p { exp_avg =t } } param_groups =l } net { a =t } }", "net",
                 "a");
}

Test(state_dict, prefixes) {
    assert_found("{ module.a =t module.b =t }", "module", "a b");
    assert_found("{ state_dict { model.a =t model.b =t } }", "state_dict.model", "a b");
    assert_found("{ _forward_module.module.a =t _forward_module.module.b =t }",
                 "_forward_module.module", "a b");
    // Not common to all, not known, or alone: part of the names.
    assert_found("{ model.a =t head =t }", "", "model.a head");
    assert_found("{ blocks.a =t blocks.b =t }", "", "blocks.a blocks.b");
    assert_found("{ module.a =t }", "", "module.a");
    assert_found("{ module. =t module.b =t }", "", "module. module.b");
}

Test(state_dict, refusals) {
    assert_refused("{ }", "no tensors with names");
    assert_refused("{ a =n }", "no tensors with names");
    assert_refused("{ state { } param_groups =l }", "optimizer");
    assert_refused("{ optimizer { state { } param_groups =l } epoch =n }", "state of an optimizer");
    assert_refused("{ one { a =t } two { b =t } }", "2 dictionaries of tensors");
    assert_refused("=t", "holds a tensor");
    assert_refused("=l", "holds a list");
    assert_refused("=o", "class project.Config");
    assert_refused("{ a =t a =t }", "two tensors named 'a'");
}

// Keys that are numbers name nothing.
Test(state_dict, numbered) {
    sample_bytes pickle = {0};
    sample_put_text(&pickle, "\x80\x02}K\1");
    sample_put_tensor(&pickle, &small);
    sample_put_text(&pickle, "s.");
    sample_bytes file = sample_checkpoint(&pickle, sample_floats, sizeof sample_floats);
    cr_assert_neq(sample_read_all(sample_file(&file), message), RK_OK);
    cr_assert_not_null(strstr(message, "no tensors with names"), "%s", message);
    sample_free(&file);
    sample_free(&pickle);
}

// Dictionaries that hold each other under every known key end the search, not the stack.
Test(state_dict, cycles) {
    static const char *const keys[] = {"state_dict", "model", "module", "weights"};
    sample_bytes pickle = {0};
    sample_put_text(&pickle, "\x80\x02}q\1}q\2");
    for (int from = 2; from >= 1; from--) {
        for (size_t i = 0; i < 4; i++) {
            sample_put_string(&pickle, keys[i]);
            sample_put_text(&pickle, i % 2 ? "h\1" : "h\2");
            sample_put_text(&pickle, "s");
        }
        if (from == 2) sample_put_text(&pickle, "0");
    }
    sample_put_text(&pickle, ".");
    sample_bytes file = sample_checkpoint(&pickle, sample_floats, sizeof sample_floats);
    cr_assert_neq(sample_read_all(sample_file(&file), message), RK_OK);
    sample_free(&file);
    sample_free(&pickle);
}

// Depth beyond what training programs make.
Test(state_dict, deep) {
    char description[512] = "";
    for (int i = 0; i < 12; i++) strcat(description, "{ model ");
    strcat(description, "{ a =t } ");
    for (int i = 0; i < 12; i++) strcat(description, "} ");
    assert_refused(description, "no tensors with names");
}

static const char two[] = "{ step =n ema { generator { module.a =t module.b =t } critic { c =t } } "
                          "other { state_dict { d.x =t d.y =t e.x =t } } }";

Test(state_dict, a_root_that_was_asked_for) {
    assert_refused(two, "(generator, critic)");
    assert_found_below(two, "ema.generator", "ema.generator.module", "a b");
    assert_found_below(two, "ema.critic", "ema.critic", "c");
    // Below it, the usual search goes on.
    assert_found_below(two, "other", "other.state_dict", "d.x d.y e.x");
    // What is no key is the beginning of names.
    assert_found_below(two, "other.state_dict.d", "other.state_dict.d", "x y");
    assert_found_below(two, "ema.generator.module", "ema.generator.module", "a b");
    // A key with dots goes before a shorter one.
    assert_found_below("{ a { x =t } a.b { y =t } }", "a.b", "a.b", "y");
    // Weights that would be found by themselves.
    assert_found_below("{ model { a =t } model_ema { b =t } }", "model_ema", "model_ema", "b");
}

Test(state_dict, a_root_that_is_not_there) {
    rk_checkpoint *file;
    rk_error err;
    cr_assert_eq(rk_checkpoint_open_below(&file, file_of("{ a =t b =t }"), "c", &err),
                 RK_ERR_NOT_FOUND);
    cr_assert(strstr(err.message, "'c'") != NULL, "%s", err.message);
    cr_assert_neq(rk_checkpoint_open_below(&file, file_of(two), "ema", &err), RK_OK);
    cr_assert(strstr(err.message, "(generator, critic)") != NULL, "%s", err.message);
    cr_assert_neq(rk_checkpoint_open_below(&file, file_of(two), "step", &err), RK_OK);
}

Test(state_dict, choices_are_named) {
    assert_refused("{ first { a =t } second { b =t } }", "(first, second)");
}

Test(state_dict, optimizers_alone) {
    assert_refused("{ optimizer_state_dict { fp32_groups =l } ds_version =n }",
                   "state of an optimizer");
    assert_refused("{ optimizer { state { 0 { exp_avg =t } } param_groups =l } }",
                   "state of an optimizer");
}
