// The templates that come with the library, as template files. Sources: the model cards of
// RWKV-4/5/6/7 World and RWKV-7 G1, and the chat scripts made for Raven. A blank after "Assistant:"
// would be a token that the models have not learnt there.
#include <stdio.h>
#include <string.h>

#include "generate/chat_template.h"

static const struct {
    const char *name, *text;
} presets[] = {
    {"world", "system = \"System: {text}\\n\\n\"\n"
              "turn = \"User: {text}\\n\\nAssistant:\"\n"
              "answer_end = \"\\n\\n\"\n"
              "stop = \"\\n\\n\"\n"},
    {"raven",
     "begin = \"This is a conversation of Bob and Alice. Alice is friendly and knows a lot; "
     "what she says is true, detailed and helpful.\\n\\n\"\n"
     "system = \"{text}\\n\\n\"\n"
     "turn = \"Bob: {text}\\n\\nAlice:\"\n"
     "answer_end = \"\\n\\n\"\n"
     "stop = \"\\n\\n\"\n"
     "stop = \"\\nBob:\"\n"},
    {"g1", "system = \"System: {text}\\n\\n\"\n"
           "turn = \"User: {text}\\n\\nAssistant:\"\n"
           "answer_end = \"\\n\\n\"\n"
           "stop = \"\\n\\n\"\n"},
    // Thoughts may have empty lines, so only a turn's beginning ends them.
    {"g1-think", "system = \"System: {text}\\n\\n\"\n"
                 "turn = \"User: {text}\\n\\nAssistant:\"\n"
                 "answer_begin = \" <think\"\n"
                 "answer_end = \"\\n\\n\"\n"
                 "stop = \"\\n\\nUser:\"\n"
                 "stop = \"\\n\\nSystem:\"\n"},
    {"g1-think-a-bit", "system = \"System: {text}\\n\\n\"\n"
                       "turn = \"User: {text} think a bit\\n\\nAssistant:\"\n"
                       "answer_begin = \" <think\"\n"
                       "answer_end = \"\\n\\n\"\n"
                       "stop = \"\\n\\nUser:\"\n"
                       "stop = \"\\n\\nSystem:\"\n"},
    {"g1-no-think", "system = \"System: {text}\\n\\n\"\n"
                    "turn = \"User: {text}\\n\\nAssistant:\"\n"
                    "answer_begin = \" <think>\\n</think\"\n"
                    "answer_end = \"\\n\\n\"\n"
                    "stop = \"\\n\\n\"\n"},
    {"question", "turn = \"Question: {text}\\n\\nAnswer:\"\n"
                 "answer_end = \"\\n\\n\"\n"
                 "stop = \"\\n\\n\"\n"},
    {"instruct", "turn = \"Instruction: {text}\\n\\nResponse:\"\n"
                 "answer_end = \"\\n\\n\"\n"
                 "stop = \"\\n\\nInstruction:\"\n"},
};
enum { N_PRESETS = sizeof presets / sizeof presets[0] };

const char *rk_chat_preset_name(size_t i) {
    return i < N_PRESETS ? presets[i].name : NULL;
}

static rk_status fail_unknown(const char *name, rk_error *err) {
    char names[256] = "";
    size_t length = 0;
    for (size_t i = 0; i < N_PRESETS; i++) {
        length += (size_t)snprintf(names + length, sizeof names - length, "%s%s", i > 0 ? ", " : "",
                                   presets[i].name);
    }
    return rk__fail(err, RK_ERR_NOT_FOUND, "no chat preset is called '%.40s'; there are %s", name,
                    names);
}

rk_status rk_chat_template_preset(rk_chat_template **out, const char *name, rk_error *err) {
    *out = NULL;
    for (size_t i = 0; i < N_PRESETS; i++) {
        if (strcmp(presets[i].name, name) != 0) continue;
        return rk__chat_template_read(out, name, presets[i].text, strlen(presets[i].text), err);
    }
    return fail_unknown(name, err);
}
