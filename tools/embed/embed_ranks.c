// Embedding by several processes.
#include "embed/embed_ranks.h"

#include <stdlib.h>
#include <string.h>

#include "cli/allocate.h"
#include "cli/messages.h"
#include "cli/ranks.h"

int embed_ranks_check(int code, const embed_machine *machine) {
    code = cli_ranks_agree(code);
    if (code != CLI_EXIT_DONE || cli_ranks() == 1) return code;
    char *mine = cli_format("%s, %zu a batch", machine->key, machine->batch);
    uint64_t length = strlen(mine);
    cli_ranks_share(&length, sizeof length);
    char *of_first = cli_allocate((size_t)length + 1, 1);
    if (cli_rank() == 0) memcpy(of_first, mine, (size_t)length);
    cli_ranks_share(of_first, (size_t)length);
    if (strcmp(mine, of_first) != 0) {
        cli_complain("%s: the vectors are not rank 0's: %s, not %s", machine->path, mine, of_first);
        code = CLI_EXIT_FAILED;
    }
    free(of_first);
    free(mine);
    return cli_ranks_agree(code);
}

// ---- rank 0

void embed_ranks_give(size_t rank, const rk_text *texts, size_t n_texts) {
    const uint64_t n = n_texts;
    cli_ranks_send(rank, &n, sizeof n);
    for (size_t i = 0; i < n_texts; i++) {
        const uint64_t length = texts[i].length;
        cli_ranks_send(rank, &length, sizeof length);
        cli_ranks_send(rank, texts[i].bytes, texts[i].length);
    }
}

void embed_ranks_dismiss(void) {
    for (size_t rank = 1; rank < cli_ranks(); rank++) embed_ranks_give(rank, NULL, 0);
}

// How a batch went; rows follow where it went well.
typedef struct batch_result {
    rk_status status;
    uint64_t culprit;
    rk_error err;
} batch_result;

rk_status embed_ranks_fetch(embed_machine *m, size_t rank, size_t n_texts, float *rows, float *raw,
                            rk_error *err) {
    const bool wants_raw = raw != NULL;
    batch_result result;
    cli_ranks_send(rank, &wants_raw, sizeof wants_raw);
    cli_ranks_receive(rank, &result, sizeof result);
    if (result.status != RK_OK) {
        m->culprit = (size_t)result.culprit;
        *err = result.err;
        return result.status;
    }
    cli_ranks_receive(rank, rows, n_texts * m->length * sizeof *rows);
    if (wants_raw) cli_ranks_receive(rank, raw, n_texts * m->raw_length * sizeof *raw);
    return RK_OK;
}

// ---- the others

static void receive_texts(rk_text *texts, size_t n_texts) {
    for (size_t i = 0; i < n_texts; i++) {
        uint64_t length;
        cli_ranks_receive(0, &length, sizeof length);
        char *bytes = cli_allocate((size_t)length + 1, 1);
        cli_ranks_receive(0, bytes, (size_t)length);
        texts[i] = (rk_text){bytes, (size_t)length};
    }
}

static void run_batch(embed_machine *m, rk_text *texts, size_t n_texts) {
    batch_result result = {0};
    bool wants_raw;
    receive_texts(texts, n_texts);
    result.status = embed_machine_run(m, texts, n_texts, NULL, &result.err);
    result.culprit = m->culprit;
    for (size_t i = 0; i < n_texts; i++) free((char *)texts[i].bytes);
    cli_ranks_receive(0, &wants_raw, sizeof wants_raw);
    cli_ranks_send(0, &result, sizeof result);
    if (result.status != RK_OK) return;
    cli_ranks_send(0, m->rows, n_texts * m->length * sizeof *m->rows);
    if (wants_raw) cli_ranks_send(0, m->raw, n_texts * m->raw_length * sizeof *m->raw);
}

void embed_ranks_serve(embed_machine *m) {
    rk_text *texts = cli_allocate(m->batch, sizeof *texts);
    for (;;) {
        uint64_t n;
        cli_ranks_receive(0, &n, sizeof n);
        if (n == 0) break;
        run_batch(m, texts, (size_t)n);
    }
    free(texts);
}
