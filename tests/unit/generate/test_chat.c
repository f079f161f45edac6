// Templates, cleaning, and conversations with their way back.
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "generate/chat_template.h"
#include "machine.h"
#include "support/scratch.h"

Test(chat_clean, removes_what_models_stumble_over) {
    static const struct {
        const char *text, *collapsed, *kept;
    } cases[] = {
        {"hello", "hello", "hello"},
        {"", "", ""},
        {" \t\n ", "", ""},
        {"\r\n one\r\ntwo \r\n", "one\ntwo", "one\ntwo"},
        {"a\n\n\nb", "a\nb", "a\n\n\nb"},
        {"a \t\n \n\t b  c \n", "a\n\t b  c", "a\n\n\t b  c"},
        {"a\r\rb\rc", "a\nb\nc", "a\n\nb\nc"},
        {"  if x:\n      y  ", "if x:\n      y", "if x:\n      y"},
        {"\xe4\xbd\xa0\xe5\xa5\xbd \n", "\xe4\xbd\xa0\xe5\xa5\xbd", "\xe4\xbd\xa0\xe5\xa5\xbd"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (int collapse = 0; collapse < 2; collapse++) {
            const char *expected = collapse ? cases[i].collapsed : cases[i].kept;
            char *clean;
            size_t length;
            cr_assert_eq(rk_chat_clean(&clean, &length, cases[i].text, strlen(cases[i].text),
                                       collapse, NULL),
                         RK_OK);
            cr_assert_str_eq(clean, expected, "case %zu", i);
            cr_assert_eq(length, strlen(expected));
            rk_chat_text_free(&clean);
            cr_assert_null(clean);
        }
    }
}

static void check_refused(const char *text, size_t length, rk_status status, const char *message) {
    rk_chat_template *t;
    rk_error err = {0};
    cr_assert_eq(rk__chat_template_read(&t, "my.chat", text, length, &err), status, "%s", text);
    cr_assert_null(t);
    cr_assert_not_null(strstr(err.message, message), "%s", err.message);
}

Test(chat_template, broken_ones_are_refused_with_their_line) {
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"", "my.chat: there is no line  turn"},
        {"# nothing\n\n", "my.chat: there is no line  turn"},
        {"turn = \"x\"\n", "my.chat:1: there is no {text}"},
        {"turn = \"{text}{text}\"\n", "my.chat:1: there are two {text}"},
        {"\n# a\nturn = \"{text}\"\nturn = \"{text}\"", "my.chat:4: this key has been given"},
        {"turn \"{text}\"", "my.chat:1: expected a line"},
        {"turn = {text}", "my.chat:1: expected a \""},
        {"turn = \"{text}", "my.chat:1: the closing"},
        {"turn = \"{text}\\", "my.chat:1: a \\ is followed"},
        {"turn = \"{text}\\r\"", "my.chat:1: a \\ is followed"},
        {"turn = \"{text}\" x", "my.chat:1: there is more"},
        {"= \"x\"", "my.chat:1: expected a line"},
        {"stop = \"\"", "my.chat:1: a stop string is empty"},
        {"begin = \"a\"\nbegin = \"\"\n", "my.chat:2: this key"},
        {"empty_lines = \"maybe\"", "my.chat:1: empty_lines is neither"},
        {"turn = \"{text}\xff\"", "my.chat:1: bytes that are no UTF-8"},
        {"turn = \"{text}\x01\"", "my.chat:1: a control character"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        check_refused(cases[i].text, strlen(cases[i].text), RK_ERR_FORMAT, cases[i].message);
    }
    check_refused("turns = \"{text}\"", 16, RK_ERR_UNSUPPORTED, "my.chat:1: unknown key 'turns'");
    check_refused("turn = \"{text}\0\"", 16, RK_ERR_FORMAT, "my.chat:1: a control character");
    static char large[70000];
    memset(large, '#', sizeof large);
    check_refused(large, sizeof large, RK_ERR_FORMAT, "70000 bytes");
    check_refused(large, 65536, RK_ERR_FORMAT, "there is no line  turn");
    char stops[17 * 16];
    for (size_t i = 0; i < 17; i++) memcpy(stops + 11 * i, "stop = \"x\"\n", 11);
    check_refused(stops, 17 * 11, RK_ERR_FORMAT, "my.chat:17: more than 16");
}

// Every beginning of a good template, and every byte of it changed, is read or refused, but never
// more than that.
Test(chat_template, survives_any_change) {
    static const char good[] =
        "begin = \"b\"\nsystem = \"S: {text}\\n\" # c\r\nturn = \"U: {text}\\n"
        "A:\"\nanswer_begin = \" <\"\nstop = \"\\n\\\"\"\nempty_lines = \"keep\"";
    char text[sizeof good];
    size_t n_read = 0;
    for (size_t i = 0; i < sizeof good; i++) {
        for (int value = 0; value < 256; value++) {
            rk_chat_template *t;
            memcpy(text, good, sizeof good);
            text[i] = (char)value;
            n_read += rk__chat_template_read(&t, "x", text, sizeof good - 1, NULL) == RK_OK;
            rk_chat_template_free(&t);
        }
        rk_chat_template *t;
        n_read += rk__chat_template_read(&t, "x", good, i, NULL) == RK_OK;
        rk_chat_template_free(&t);
    }
    cr_assert(n_read > 1000 && n_read < 256 * sizeof good, "%zu", n_read);
}

typedef struct talk {
    test_machine m;
    rk_session *session;
    rk_chat_template *chat_template;
    rk_chat *chat;
} talk;

static talk begin(const char *preset, const rk_chat_options *options) {
    talk t = {.m = test_machine_words("cpu fp32")};
    rk_error err = {0};
    rk_sampler_options settings = rk_sampler_defaults();
    settings.temperature = 1.5;
    settings.top_p = 1;
    settings.seed = 7;
    settings.bans = test_machine_other_tokens(&t.m, &settings.n_bans);
    cr_assert_eq(rk_session_new(&t.session, t.m.context, t.m.tokenizer, &settings, &err), RK_OK);
    cr_assert_eq(rk_chat_template_preset(&t.chat_template, preset, &err), RK_OK, "%s", err.message);
    cr_assert_eq(rk_chat_new(&t.chat, t.session, t.chat_template, options, &err), RK_OK, "%s",
                 err.message);
    return t;
}

static void end(talk *t) {
    rk_chat_free(&t->chat);
    rk_chat_template_free(&t->chat_template);
    rk_session_free(&t->session);
    test_machine_free(&t->m);
}

static void check_prompt(const talk *t, const char *text, const char *expected) {
    char *prompt;
    size_t length;
    cr_assert_eq(rk_chat_prompt(t->chat, text, strlen(text), &prompt, &length, NULL), RK_OK);
    cr_assert_str_eq(prompt, expected);
    cr_assert_eq(length, strlen(expected));
    rk_chat_text_free(&prompt);
}

static const rk_generate_options short_answer = {.max_tokens = 12};

static void say(talk *t, const char *text) {
    rk_error err = {0};
    rk_generate_result result;
    cr_assert_eq(rk_chat_say(t->chat, text, strlen(text), &short_answer, &result, &err), RK_OK,
                 "%s", err.message);
    cr_assert_gt(result.n_prompt_tokens, 0);
    cr_assert_gt(result.prompt_seconds, 0);
}

Test(chat, presets_give_the_prompts_that_models_know) {
    static const struct {
        const char *preset, *first, *second;
    } cases[] = {
        {"world", "System: Be kind.\n\nUser: a\nb\n\nAssistant:", "\n\nUser: c\n\nAssistant:"},
        {"g1", "System: Be kind.\n\nUser: a\nb\n\nAssistant:", "\n\nUser: c\n\nAssistant:"},
        {"g1-think", "System: Be kind.\n\nUser: a\nb\n\nAssistant: <think",
         "\n\nUser: c\n\nAssistant: <think"},
        {"g1-think-a-bit", "System: Be kind.\n\nUser: a\nb think a bit\n\nAssistant: <think",
         "\n\nUser: c think a bit\n\nAssistant: <think"},
        {"g1-no-think", "System: Be kind.\n\nUser: a\nb\n\nAssistant: <think>\n</think",
         "\n\nUser: c\n\nAssistant: <think>\n</think"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const rk_chat_options options = {.system = "  Be kind.\r\n"};
        talk t = begin(cases[i].preset, &options);
        check_prompt(&t, "a\r\n\r\nb \n", cases[i].first);
        say(&t, "a");
        check_prompt(&t, "c", cases[i].second);
        cr_assert_eq(rk_chat_reset(t.chat, NULL), RK_OK);
        check_prompt(&t, "a\n\nb", cases[i].first);
        end(&t);
    }
    for (size_t i = 0; rk_chat_preset_name(i); i++) {
        talk t = begin(rk_chat_preset_name(i), NULL);
        say(&t, "a");
        end(&t);
    }
    rk_chat_template *none;
    rk_error err = {0};
    cr_assert_eq(rk_chat_template_preset(&none, "alpaca", &err), RK_ERR_NOT_FOUND);
    cr_assert_not_null(strstr(err.message, "world, raven"), "%s", err.message);
}

Test(chat, the_way_back) {
    talk t = begin("world", NULL);
    rk_state *state = rk_session_state(t.session), *kept;
    cr_assert_eq(rk_state_new(&kept, t.m.model, 4, NULL), RK_OK);
    cr_assert_eq(rk_state_copy(kept, 0, state, 0, NULL), RK_OK);
    cr_assert_eq(rk_chat_undo(t.chat, NULL), RK_ERR_NOT_FOUND);
    cr_assert_eq(rk_chat_answer_again(t.chat, false, &short_answer, NULL, NULL), RK_ERR_NOT_FOUND);
    say(&t, "abc");
    cr_assert_eq(rk_state_copy(kept, 1, state, 0, NULL), RK_OK);
    say(&t, "cab");
    cr_assert_eq(rk_state_copy(kept, 2, state, 0, NULL), RK_OK);
    cr_assert_eq(rk_chat_turns(t.chat), 2);
    cr_assert_eq(rk_chat_undoable(t.chat), 2);

    // Again with the same numbers is the same answer; with others, another one.
    cr_assert_eq(rk_chat_answer_again(t.chat, true, &short_answer, NULL, NULL), RK_OK);
    test_same_states(state, 0, kept, 2);
    cr_assert_eq(rk_chat_answer_again(t.chat, false, &short_answer, NULL, NULL), RK_OK);
    cr_assert_eq(rk_state_copy(kept, 3, state, 0, NULL), RK_OK);
    const size_t n = rk_model_describe(t.m.model)->state_floats;
    float flat[2][16384];
    cr_assert_leq(n, 16384);
    cr_assert_eq(rk_state_export(kept, 2, flat[0], n, NULL), RK_OK);
    cr_assert_eq(rk_state_export(kept, 3, flat[1], n, NULL), RK_OK);
    cr_assert_neq(memcmp(flat[0], flat[1], n * sizeof(float)), 0, "the other answer is the same");

    cr_assert_eq(rk_chat_undo(t.chat, NULL), RK_OK);
    test_same_states(state, 0, kept, 1);
    cr_assert_eq(rk_chat_turns(t.chat), 1);
    say(&t, "b");
    cr_assert_eq(rk_chat_undo(t.chat, NULL), RK_OK);
    test_same_states(state, 0, kept, 1);
    cr_assert_eq(rk_chat_undo(t.chat, NULL), RK_OK);
    test_same_states(state, 0, kept, 0);
    say(&t, "b");
    cr_assert_eq(rk_chat_reset(t.chat, NULL), RK_OK);
    test_same_states(state, 0, kept, 0);
    cr_assert_eq(rk_chat_turns(t.chat), 0);
    rk_state_free(&kept);
    end(&t);
}

Test(chat, the_way_back_has_a_length) {
    // A turn here takes some kilobytes: room for a few.
    const rk_chat_options options = {.history_bytes = 24000};
    talk t = begin("world", &options);
    for (int i = 0; i < 20; i++) say(&t, "abc");
    const size_t n = rk_chat_undoable(t.chat);
    cr_assert(n >= 1 && n < 10, "%zu", n);
    cr_assert_eq(rk_chat_turns(t.chat), 20);
    for (size_t i = 0; i < n; i++) cr_assert_eq(rk_chat_undo(t.chat, NULL), RK_OK);
    rk_error err = {0};
    cr_assert_eq(rk_chat_undo(t.chat, &err), RK_ERR_NOT_FOUND);
    cr_assert_not_null(strstr(err.message, "no more turns"), "%s", err.message);
    cr_assert_eq(rk_chat_turns(t.chat), 20 - n);
    cr_assert_eq(rk_chat_reset(t.chat, NULL), RK_OK);
    check_prompt(&t, "a", "User: a\n\nAssistant:");
    end(&t);
}

static bool cancel(void *user, uint64_t done, uint64_t total) {
    (void)user;
    return done == total;
}

Test(chat, a_turn_that_is_cancelled_was_never_said) {
    talk t = begin("world", NULL);
    say(&t, "abc");
    rk_state *kept;
    cr_assert_eq(rk_state_new(&kept, t.m.model, 1, NULL), RK_OK);
    cr_assert_eq(rk_state_copy(kept, 0, rk_session_state(t.session), 0, NULL), RK_OK);
    const rk_generate_options options = {.max_tokens = 5, .progress = {cancel, NULL}, .slice = 4};
    cr_assert_eq(rk_chat_say(t.chat, "a long story", 12, &options, NULL, NULL), RK_ERR_CANCELLED);
    test_same_states(rk_session_state(t.session), 0, kept, 0);
    cr_assert_eq(rk_chat_turns(t.chat), 1);
    rk_error err = {0};
    cr_assert_eq(rk_chat_say(t.chat, " \n", 2, &short_answer, NULL, &err), RK_ERR_ARGUMENT);
    test_same_states(rk_session_state(t.session), 0, kept, 0);
    rk_state_free(&kept);
    end(&t);
}

Test(chat, what_is_put_in_the_mouth_is_shown) {
    talk t = begin("g1-no-think", NULL);
    test_listener l = {.length = 0};
    const rk_generate_options options = {.max_tokens = 3, .text = test_listen, .user = &l};
    cr_assert_eq(rk_chat_say(t.chat, "a", 1, &options, NULL, NULL), RK_OK);
    cr_assert_gt(l.length, 16);
    cr_assert_eq(memcmp(l.text, " <think>\n</think", 16), 0);
    end(&t);
}

static void listen_again(talk *t, test_listener *l) {
    *l = (test_listener){.length = 0};
    const rk_generate_options options = {.max_tokens = 3, .text = test_listen, .user = l};
    cr_assert_eq(rk_chat_answer_again(t->chat, false, &options, NULL, NULL), RK_OK);
}

Test(chat, another_template_is_for_the_next_turn) {
    const rk_chat_options options = {.system = "Be kind."};
    talk t = begin("g1-no-think", &options);
    rk_chat_template *question, *g1;
    rk_error err = {0};
    cr_assert_eq(rk_chat_template_preset(&question, "question", NULL), RK_OK);
    cr_assert_eq(rk_chat_template_preset(&g1, "g1", NULL), RK_OK);
    say(&t, "a");
    // It has no place for the system text; nothing has changed then.
    cr_assert_eq(rk_chat_use_template(t.chat, question, &err), RK_ERR_UNSUPPORTED);
    check_prompt(&t, "b", "\n\nUser: b\n\nAssistant: <think>\n</think");
    cr_assert_eq(rk_chat_use_template(t.chat, g1, NULL), RK_OK);
    check_prompt(&t, "b", "\n\nUser: b\n\nAssistant:");
    // The turn before has its own template still.
    test_listener l;
    listen_again(&t, &l);
    cr_assert_eq(memcmp(l.text, " <think>\n</think", 16), 0);
    say(&t, "b");
    listen_again(&t, &l);
    cr_assert_neq(memcmp(l.text, " <think", 7), 0);
    rk_chat_free(&t.chat);
    rk_chat_template_free(&question);
    rk_chat_template_free(&g1);
    end(&t);
}

Test(chat, a_conversation_goes_on_from_a_file) {
    talk t = begin("world", NULL);
    say(&t, "abc");
    const char *path = test_scratch_path("session");
    cr_assert_eq(rk_session_save(t.session, path, NULL), RK_OK);
    char *prompt;
    size_t length;
    cr_assert_eq(rk_chat_prompt(t.chat, "b", 1, &prompt, &length, NULL), RK_OK);
    cr_assert_eq(rk_chat_reset(t.chat, NULL), RK_OK);
    cr_assert_eq(rk_session_load(t.session, path, NULL), RK_OK);
    cr_assert_eq(rk_chat_resume(t.chat, NULL), RK_OK);
    check_prompt(&t, "b", prompt);
    cr_assert_eq(rk_chat_undo(t.chat, NULL), RK_ERR_NOT_FOUND);
    rk_chat_text_free(&prompt);
    end(&t);
}

Test(chat, template_files_are_found_and_missing_ones_are_not) {
    rk_chat_template *t;
    rk_error err = {0};
    const char *path = test_scratch_path("mine.chat");
    const char *text = "turn = \"Q: {text}\\nA:\"\nstop = \"\\nQ:\" # the next question\n";
    cr_assert(test_write_file(path, text, strlen(text)));
    cr_assert_eq(rk_chat_template_load(&t, path, &err), RK_OK, "%s", err.message);
    cr_assert_eq(t->n_stops, 1);
    cr_assert_eq(t->stops[0].length, 3);
    cr_assert_str_eq(t->turn.before, "Q: ");
    cr_assert_str_eq(t->turn.after, "\nA:");
    rk_chat_template_free(&t);
    cr_assert_eq(rk_chat_template_load(&t, test_scratch_path("none"), &err), RK_ERR_IO);
    cr_assert_null(t);
    test_scratch_remove();
}
