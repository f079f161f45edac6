// Lists of layers.
#include <criterion/criterion.h>
#include <string.h>

#include "eval/layer_list.h"

enum { N = 12 };

// The layers that a list names, as a list of single ones; "!" when it is refused.
static const char *parse(const char *text, size_t n_layer) {
    static char out[128];
    bool wanted[128] = {0};
    rk_error err = {0};
    if (rk__layer_list_parse(wanted, n_layer, text, &err) != RK_OK) {
        cr_assert_eq(err.code, RK_ERR_ARGUMENT);
        return "!";
    }
    return rk__layer_list_format(out, sizeof out, wanted, n_layer);
}

Test(layer_list, what_may_be_asked_for) {
    static const struct {
        const char *text, *layers;
    } cases[] = {
        {"0", "0"},
        {"11", "11"},
        {"-1", "11"},
        {"-12", "0"},
        {"0%", "0"},
        {"100%", "11"},
        {"50%", "6"},
        {"25%", "3"},
        {"2..4", "2..4"},
        {"-3..-1", "9..11"},
        {"50%..-1", "6..11"},
        {"3..3", "3"},
        {"7,1,4", "1,4,7"},
        {"1,1,0..2", "0..2"},
        {"0,-1,25%", "0,3,11"},
        {"0..100%", "0..11"},
        {"0..2,4..5,9", "0..2,4..5,9"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cr_assert_str_eq(parse(cases[i].text, N), cases[i].layers, "%s", cases[i].text);
    }
    cr_assert_str_eq(parse("0,-1,50%,100%", 1), "0");
}

Test(layer_list, what_is_refused) {
    static const char *const texts[] = {
        "",     ",",   "0,",   ",0",    "12",
        "-13",  "-0",  "101%", "-50%",  "1-3",
        "3..1", "0..", "..3",  "0...3", "a",
        "0 ",   " 0",  "1,,2", "%",     "-",
        "+1",   "0x1", "1.5",  "0..12", "99999999999999999999999",
        "0;1",  "all",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        cr_assert_str_eq(parse(texts[i], N), "!", "'%s'", texts[i]);
    }
}

Test(layer_list, an_error_names_the_part) {
    bool wanted[N] = {0};
    rk_error err = {0};
    cr_assert_eq(rk__layer_list_parse(wanted, N, "0,17,3", &err), RK_ERR_ARGUMENT);
    cr_assert_not_null(strstr(err.message, "'17'"), "%s", err.message);
    cr_assert_not_null(strstr(err.message, "12 layers"), "%s", err.message);
}

Test(layer_list, a_list_that_does_not_fit_is_cut) {
    bool wanted[100] = {0};
    for (size_t i = 0; i < 100; i += 2) wanted[i] = true;
    char text[10];
    memset(text, 'x', sizeof text);
    rk__layer_list_format(text, sizeof text, wanted, 100);
    cr_assert_str_eq(text, "0,2,4,6,8");
}
