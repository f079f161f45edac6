// Notes under the tables.
#include "perplexity/result_notes.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/allocate.h"
#include "cli/html_text.h"
#include "cli/paths.h"
#include "perplexity/speed.h"

static void print_html(FILE *out, const char *name, const char *format, va_list arguments) {
    char *text = NULL;
    if (vasprintf(&text, format, arguments) < 0) text = cli_copy("?");
    fprintf(out, "<dt>%s</dt><dd>", name);
    cli_html_write(out, text);
    fputs("</dd>\n", out);
    free(text);
}

// A line "name      text", an item of a list, or a term and its description.
__attribute__((format(printf, 3, 4))) static void note(const result_sink *to, const char *name,
                                                       const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    if (to->style == STYLE_HTML) {
        print_html(to->file, name, format, arguments);
    } else {
        fprintf(to->file, to->style == STYLE_MARKDOWN ? "- **%s**: " : "%-13s ", name);
        vfprintf(to->file, format, arguments);
        fputc('\n', to->file);
    }
    va_end(arguments);
}

// HTML has its notes in a list, other forms have them under a blank line.
static void begin(const result_sink *to) {
    fputs(to->style == STYLE_HTML ? "<dl>\n" : "\n", to->file);
}

static void end(const result_sink *to) {
    if (to->style == STYLE_HTML) fputs("</dl>\n", to->file);
}

static bool any_compared(const record *r) {
    for (size_t i = 0; i < r->n_results; i++) {
        if (r->results[i].is_compared) return true;
    }
    return false;
}

static bool any_latency(const record *r) {
    for (size_t i = 0; i < r->n_results; i++) {
        if (r->results[i].n_latency > 0) return true;
    }
    return false;
}

static void note_memory(const record *r, const result_sink *to) {
    bool own = true;
    for (size_t i = 1; i < r->n_results; i++) own = own && r->results[i].peak_is_own;
    if (r->base[0] != '\0') note(to, "memory", "peaks include the base");
    if (!own) {
        note(to, "memory",
             "peaks include what came before: this system does not let them be reset");
    }
}

static void note_comparison(const result_sink *to) {
    note(to, "KL", "divergence of the predictions from the base's, in nats a token");
    note(to, "same token", "how often both find the same token most probable");
    note(to, "p change",
         "probability of the token that came, minus the base's; and its "
         "root mean square");
    note(to, "KL - first's",
         "differences to the first row, prediction by prediction: what is "
         "hard for all does not blur them");
}

static void note_text(const record *r, const result_sink *to) {
    const result *first = &r->results[0];
    if (first->has_loss) {
        note(to, "text", "%s: %" PRIu64 " tokens scored (%" PRIu64 " bytes)", r->text,
             first->loss.n_tokens, first->scored_bytes);
    } else if (first->has_task) {
        note(to, "task", "%s: %" PRIu64 " items", r->text, first->task.n_items);
    }
    if (first->has_loss || first->has_task) {
        note(to, "protocol", "%s; ±: one standard error", r->protocol);
    }
    if (first->has_loss && r->bootstrap > 0) {
        note(to, "blocks",
             "standard errors that do not take neighbours as independent: %" PRIu64
             " resamples in blocks of up to %" PRIu64 " tokens",
             r->bootstrap, r->bootstrap_block);
    }
}

void result_notes_print(const record *r, const result_sink *to) {
    const char *plural = r->threads == 1 ? "" : "s";
    begin(to);
    note_text(r, to);
    note(to, "speed",
         "tokens/s with %" PRIu64 " thread%s, medians: prefill of %d tokens, decode one by one",
         r->threads, plural, SPEED_PREFILL_TOKENS);
    if (r->processes > 1) {
        note(to, "processes", "%" PRIu64 " scored together; the speeds are those of one of them",
             r->processes);
    }
    note_memory(r, to);
    if (any_compared(r)) note_comparison(to);
    if (any_latency(r)) {
        note(to, "latency",
             "ms of a repetition, mean ± deviation; a step of decode reads the weights once; this "
             "machine reads memory at %.1f GB/s with %" PRIu64 " thread%s",
             r->read_bytes_per_s / 1e9, r->threads, plural);
    }
    end(to);
}

static void note_checksum(const result_sink *to, const char *path, const char *sum) {
    if (sum[0] != '\0') note(to, "checksum", "SHA-256 of %s: %s", path, sum);
}

void result_origin_print(const record *r, const result_sink *to) {
    if (to->style == STYLE_HTML) begin(to);
    note(to, "machine", "%s, %" PRIu64 " processors; %s; %s, commit %s; %s", r->machine.processor,
         r->machine.cores, r->machine.system, r->build, r->machine.commit, r->machine.time);
    note_checksum(to, r->text, r->text_sha256);
    note_checksum(to, cli_base_name(r->base), r->base_sha256);
    for (size_t i = 0; i < r->n_results; i++) {
        const result *m = &r->results[i];
        const bool is_known = strcmp(m->sha256, r->base_sha256) == 0 ||
                              (i > 0 && strcmp(m->sha256, r->results[i - 1].sha256) == 0);
        if (!is_known) note_checksum(to, cli_base_name(m->model), m->sha256);
    }
    end(to);
}
