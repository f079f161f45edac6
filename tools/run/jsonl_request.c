// Requests: JSON laid over the command line. The fields are the options' names, and the options'
// tables say what values there are.
#include "run/jsonl_request.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/allocate.h"
#include "cli/json_input.h"
#include "cli/json_output.h"
#include "run/record_json.h"
#include "run/seed.h"

static const cli_option_group groups[] = {
    {NULL, ending_options, N_ENDING_OPTIONS, offsetof(request_settings, ending)},
    {NULL, sampling_options, N_SAMPLING_OPTIONS, offsetof(request_settings, sampling)},
    {NULL, report_options, N_REQUEST_REPORT_OPTIONS, offsetof(request_settings, report)},
};
enum { N_GROUPS = sizeof groups / sizeof groups[0], MAX_FIELDS = 64 };

static const double exact_integers = 9007199254740992.0; // 2^53: JSON's numbers hold these exactly

void jsonl_request_fail(jsonl_request *r, const char *message) {
    if (r->error == NULL) r->error = cli_copy(message);
}

// ---- fields

// What other programs call some options.
static const char *own_name(const char *field) {
    static const char *const others[][2] = {
        {"max_tokens", "tokens"},
        {"temperature", "temp"},
        {"repetition_penalty", "repeat-penalty"},
    };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        if (strcmp(field, others[i][0]) == 0) return others[i][1];
    }
    return field;
}

// Is it the option's long name, with '_' for '-', or its letter?
static bool is_name(const cli_option *option, const char *field) {
    if (field[0] != '\0' && field[0] == option->letter && field[1] == '\0') return true;
    const char *name = option->name;
    for (; *field != '\0' && *name != '\0'; field++, name++) {
        if (*field != *name && !(*field == '_' && *name == '-')) return false;
    }
    return *field == *name;
}

// The field's option, its value's place in the settings, and a number of its own. NULL: unknown.
static const cli_option *find_option(const char *field, request_settings *settings, void **value,
                                     size_t *number) {
    const char *name = own_name(field);
    *number = 0;
    for (size_t g = 0; g < N_GROUPS; g++) {
        for (size_t i = 0; i < groups[g].n_options; i++, ++*number) {
            const cli_option *option = &groups[g].options[i];
            if (!is_name(option, name)) continue;
            *value = (char *)settings + groups[g].offset + option->offset;
            return option;
        }
    }
    return NULL;
}

// ---- values

static const char *keep(jsonl_request *r, char *text) {
    cli_text_list_add(&r->made_texts, text);
    return text;
}

// A text, or a whole number as one; NULL: neither.
static const char *text_of(jsonl_request *r, const cJSON *item) {
    if (cJSON_IsString(item)) return item->valuestring;
    if (!cJSON_IsNumber(item)) return NULL;
    const double number = item->valuedouble;
    if (!(number >= 0 && number < exact_integers) || number != floor(number)) return NULL;
    return keep(r, cli_format("%.0f", number));
}

// One text, several in an array, or an object of numbers by token as biases are written elsewhere.
static bool set_list(jsonl_request *r, cli_text_list *list, const cJSON *item) {
    cli_text_list_free(list);
    if (!cJSON_IsArray(item) && !cJSON_IsObject(item)) {
        const char *text = text_of(r, item);
        if (text != NULL) cli_text_list_add(list, text);
        return text != NULL;
    }
    const cJSON *one;
    cJSON_ArrayForEach(one, item) {
        const bool named = cJSON_IsObject(item) && cJSON_IsNumber(one);
        const char *text =
            named ? keep(r, cli_format("%s%+.9g", one->string, one->valuedouble)) : text_of(r, one);
        if (text == NULL || (cJSON_IsObject(item) && !named)) return false;
        cli_text_list_add(list, text);
    }
    return true;
}

// What kind of JSON an option's value is.
static const char *kind_in_words(cli_kind kind) {
    switch (kind) {
    case CLI_FLAG:
        return "true or false";
    case CLI_SIZE:
    case CLI_NUMBER:
        return "a number";
    case CLI_TEXT_LIST:
        return "a text or an array of texts";
    case CLI_TEXT:
    case CLI_CHOICE:
    case CLI_CUSTOM:
    case CLI_BUILT_IN:
        break;
    }
    return "a text";
}

// A number or a text is read as if it stood on the command line.
static bool set_value(jsonl_request *r, const cli_option *option, void *value, const cJSON *item,
                      char reason[CLI_REASON]) {
    char number[CLI_NUMBER_TEXT];
    const bool wants_number = option->kind == CLI_SIZE || option->kind == CLI_NUMBER;
    bool right = wants_number ? cJSON_IsNumber(item) : cJSON_IsString(item);
    if (option->kind == CLI_FLAG) {
        *(bool *)value = cJSON_IsTrue(item);
        right = cJSON_IsBool(item);
    } else if (option->kind == CLI_TEXT_LIST) {
        right = set_list(r, value, item);
    } else if (right) {
        const char *text =
            wants_number ? cli_double_format(number, item->valuedouble) : item->valuestring;
        return cli_option_read(option, value, text, reason);
    }
    if (!right) snprintf(reason, CLI_REASON, "%s is expected", kind_in_words(option->kind));
    return right;
}

// ---- requests

static bool set_id(const cJSON *item, char reason[CLI_REASON]) {
    const bool number = cJSON_IsNumber(item) && fabs(item->valuedouble) < exact_integers;
    if (number || cJSON_IsString(item) || cJSON_IsNull(item)) return true;
    snprintf(reason, CLI_REASON, "field 'id': a text or a number below 2^53 is expected");
    return false;
}

static bool set_field(jsonl_request *r, const cJSON *item, bool given[MAX_FIELDS],
                      char reason[CLI_REASON]) {
    const char *field = item->string;
    void *value = NULL;
    size_t number = MAX_FIELDS - 1;
    const cli_option *option = NULL;
    const bool is_id = strcmp(field, "id") == 0, is_prompt = strcmp(field, "prompt") == 0;
    if (is_id) number = MAX_FIELDS - 2;
    if (!is_id && !is_prompt) option = find_option(field, &r->settings, &value, &number);
    if (!is_id && !is_prompt && option == NULL) {
        snprintf(reason, CLI_REASON, "unknown field '%.60s'", field);
        return false;
    }
    if (given[number]) {
        snprintf(reason, CLI_REASON, "field '%.60s' comes twice", field);
        return false;
    }
    given[number] = true;
    if (is_id) return set_id(item, reason);
    if (is_prompt && cJSON_IsString(item)) {
        r->prompt = item->valuestring;
        return true;
    }
    if (is_prompt) snprintf(reason, CLI_REASON, "field 'prompt': a text is expected");
    if (is_prompt) return false;
    if (cJSON_IsNull(item)) return true; // as if it were not there
    char why[CLI_REASON];
    if (set_value(r, option, value, item, why)) return true;
    snprintf(reason, CLI_REASON, "field '%.40s': %.180s", field, why);
    return false;
}

// Applies `change` to every list of the settings.
static void for_each_list(request_settings *settings, void (*change)(cli_text_list *list)) {
    for (size_t g = 0; g < N_GROUPS; g++) {
        for (size_t i = 0; i < groups[g].n_options; i++) {
            const cli_option *option = &groups[g].options[i];
            if (option->kind != CLI_TEXT_LIST) continue;
            change((cli_text_list *)(void *)((char *)settings + groups[g].offset + option->offset));
        }
    }
}

static void make_own(cli_text_list *list) {
    const cli_text_list old = *list;
    *list = (cli_text_list){0};
    for (size_t i = 0; i < old.count; i++) cli_text_list_add(list, old.items[i]);
}

static bool read_fields(jsonl_request *r, const char *text, size_t length,
                        char reason[CLI_REASON]) {
    bool given[MAX_FIELDS] = {false};
    r->document = cli_json_parse_object(text, length, reason);
    if (r->document == NULL) return false;
    const cJSON *item;
    cJSON_ArrayForEach(item, r->document) {
        if (!set_field(r, item, given, reason)) return false;
    }
    if (r->prompt != NULL) return true;
    snprintf(reason, CLI_REASON, "there is no field 'prompt'");
    return false;
}

static bool read_settings(jsonl_request *r, const loaded_model *model, char reason[CLI_REASON]) {
    if (!ending_read(&r->ending, &r->settings.ending, reason) ||
        !ending_fits(&r->ending, model->n_vocab, reason) ||
        !sampling_read(&r->sampling, &r->settings.sampling, reason)) {
        return false;
    }
    if (r->settings.sampling.seed == SAMPLING_AS_PRESET) r->sampling.options.seed = random_seed();
    if (r->settings.ending.ignore_eos) sampling_ban(&r->sampling, 0);
    r->sampling.options.tokenizer = model->tokenizer;
    return true;
}

void jsonl_request_read(jsonl_request *r, size_t line, const char *text, size_t length,
                        const run_settings *defaults, const loaded_model *model) {
    *r = (jsonl_request){.line = line,
                         .settings = {defaults->ending, defaults->sampling, defaults->report}};
    for_each_list(&r->settings, make_own);
    char reason[CLI_REASON] = "";
    if (!read_fields(r, text, length, reason) || !read_settings(r, model, reason)) {
        jsonl_request_fail(r, reason);
        return;
    }
    ending_apply(&r->options, &r->ending, &r->settings.ending);
    record_begin(&r->record, r->settings.report.logprobs, model->n_vocab, &r->options);
    const size_t n_prompt = strlen(r->prompt);
    if (r->settings.report.echo && n_prompt > 0) {
        r->options.text(r->options.user, r->prompt, n_prompt);
    }
}

bool jsonl_request_answer(const jsonl_request *r, const rk_tokenizer *tokenizer) {
    cJSON *object = cli_json_new_line();
    const cJSON *id = cJSON_GetObjectItemCaseSensitive(r->document, "id");
    char reason[CLI_REASON];
    if (id != NULL && set_id(id, reason)) {
        cJSON_AddItemToObject(object, "id", cJSON_Duplicate(id, true));
    }
    cli_json_add_size(object, "line", r->line);
    if (r->error != NULL) {
        cli_json_add_text(object, "error", r->error);
    } else {
        record_json(&r->record, object, &r->options, tokenizer);
        cli_json_add_size(object, "seed", r->sampling.options.seed);
    }
    return cli_json_finish_line(object);
}

void jsonl_request_free(jsonl_request *r) {
    for_each_list(&r->settings, cli_text_list_free);
    ending_free(&r->ending);
    sampling_free(&r->sampling);
    record_free(&r->record);
    for (size_t i = 0; i < r->made_texts.count; i++) free((char *)r->made_texts.items[i]);
    cli_text_list_free(&r->made_texts);
    cJSON_Delete(r->document);
    free(r->error);
    *r = (jsonl_request){0};
}
