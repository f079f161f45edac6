// The options of --chat and what they mean together.
#include <criterion/criterion.h>

#include <string.h>

#include "run/chat_options.h"

Test(chat_options, all_presets_can_be_chosen) {
    const cli_option *option = chat_options;
    while (strcmp(option->name, "chat-preset") != 0) option++;
    size_t n = 0;
    for (; option->choices[n] != NULL; n++) {
        cr_assert_not_null(rk_chat_preset_name(n));
        cr_assert_str_eq(option->choices[n], rk_chat_preset_name(n));
        cr_assert_not_null(strstr(option->help, option->choices[n]));
    }
    cr_assert_null(rk_chat_preset_name(n));
}

Test(chat_options, the_preset_follows_from_the_settings_and_the_vocabulary) {
    const struct {
        chat_settings settings;
        size_t n_vocab;
        const char *preset;
    } cases[] = {
        {{.on = true}, 256, "world"},
        {{.on = true}, 65536, "world"},
        {{.on = true}, 50277, "raven"},
        {{.on = true}, 50304, "raven"},
        {{.on = true}, 50305, "world"},
        {{.on = true, .preset = "question"}, 50277, "question"},
        {{.on = true, .think = true}, 65536, "g1-think"},
        {{.on = true, .no_think = true, .preset = "g1"}, 65536, "g1-no-think"},
        {{.on = true, .template_file = "mine.chat"}, 65536, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *preset = chat_settings_preset(&cases[i].settings, cases[i].n_vocab);
        if (cases[i].preset == NULL)
            cr_assert_null(preset);
        else
            cr_assert_str_eq(preset, cases[i].preset);
    }
}
