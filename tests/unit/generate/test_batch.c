// Batches against single runs.
#include <criterion/criterion.h>
#include <string.h>

#include "machine.h"
#include "support/scratch.h"

enum { N_REQUESTS = 9 };

// One request with what came of it.
typedef struct job {
    char prompt[64];
    rk_sampler_options sampling;
    rk_generate_options options;
    rk_text stops[2];
    test_listener listener;
    rk_generate_result result;
    rk_status status;
    size_t n_done;
    char message[512];
} job;

static job jobs[N_REQUESTS], singles[N_REQUESTS];

static void describe(job *j, size_t i, const test_machine *m) {
    static const char *const prompts[] = {"Once upon a time", "The cat", "", "A very long prompt, ",
                                          "x"};
    *j = (job){.status = RK_ERR_IO};
    for (size_t k = 0; k <= i % 3; k++) strcat(j->prompt, prompts[i % 5]);
    j->sampling = rk_sampler_defaults();
    j->sampling.seed = 100 + i;
    j->sampling.tokenizer = m->tokenizer;
    j->sampling.temperature = i % 4 == 3 ? 0 : 1.0;
    j->stops[0] = (rk_text){". ", 2};
    j->stops[1] = (rk_text){" the ", 5};
    j->options = (rk_generate_options){.max_tokens = 20 + 13 * i,
                                       .text = test_listen,
                                       .token = test_listen_token,
                                       .user = &j->listener,
                                       .stops = j->stops,
                                       .n_stops = i % 3};
    if (i == 5) j->listener.refuse_at = 10;
}

static void run_alone(job *j, const test_machine *m) {
    rk_state *state;
    rk_sampler *sampler;
    cr_assert_eq(rk_state_new(&state, m->model, 1, NULL), RK_OK);
    cr_assert_eq(rk_sampler_new(&sampler, m->n_vocab, &j->sampling, NULL), RK_OK);
    j->status = rk_generate(m->context, state, m->tokenizer, sampler, j->prompt, strlen(j->prompt),
                            &j->options, &j->result, NULL);
    rk_sampler_free(&sampler);
    rk_state_free(&state);
}

static void done(void *user, rk_status status, const rk_generate_result *result,
                 const rk_error *err) {
    job *j = user;
    j->status = status;
    j->result = *result;
    j->n_done++;
    if (err) strcpy(j->message, err->message);
}

static void run_together(const test_machine *m, size_t room) {
    rk_batch *batch;
    rk_error err = {0};
    cr_assert_eq(rk_batch_new(&batch, m->context, m->tokenizer, room, &err), RK_OK);
    for (size_t next = 0; next < N_REQUESTS || rk_batch_active(batch) > 0;) {
        for (; next < N_REQUESTS && rk_batch_room(batch) > 0; next++) {
            job *j = &jobs[next];
            const rk_request request = {.prompt = j->prompt,
                                        .prompt_length = strlen(j->prompt),
                                        .sampling = &j->sampling,
                                        .options = &j->options,
                                        .done = done,
                                        .user = j};
            cr_assert_eq(rk_batch_add(batch, &request, &err), RK_OK, "%s", err.message);
        }
        cr_assert_eq(rk_batch_step(batch, &err), RK_OK, "%s", err.message);
    }
    rk_batch_free(&batch);
}

static void check_type(const char *strategy) {
    test_machine m = test_machine_demo(strategy);
    for (size_t i = 0; i < N_REQUESTS; i++) {
        describe(&singles[i], i, &m);
        run_alone(&singles[i], &m);
        cr_assert_eq(singles[i].status, RK_OK);
    }
    static const size_t rooms[] = {1, 4, N_REQUESTS + 3};
    for (size_t r = 0; r < 3; r++) {
        for (size_t i = 0; i < N_REQUESTS; i++) describe(&jobs[i], i, &m);
        run_together(&m, rooms[r]);
        for (size_t i = 0; i < N_REQUESTS; i++) {
            const job *a = &jobs[i], *b = &singles[i];
            cr_assert_eq(a->n_done, 1, "request %zu", i);
            cr_assert_eq(a->status, RK_OK);
            cr_assert_eq(a->listener.length, b->listener.length, "request %zu of %zu together", i,
                         rooms[r]);
            cr_assert_eq(memcmp(a->listener.text, b->listener.text, b->listener.length), 0);
            cr_assert_eq(a->result.end, b->result.end);
            cr_assert_eq(a->result.n_drawn_tokens, b->result.n_drawn_tokens);
            cr_assert_eq(a->result.n_withdrawn, b->result.n_withdrawn);
            cr_assert_eq(a->result.n_prompt_tokens, b->result.n_prompt_tokens);
            cr_assert_eq(a->listener.log_p_sum, b->listener.log_p_sum);
        }
    }
    test_machine_free(&m);
}

Test(batch, gives_what_single_runs_give_fp32) {
    check_type("cpu fp32");
}

Test(batch, gives_what_single_runs_give_q8_0) {
    check_type("cpu Q8_0");
}

Test(batch, gives_what_single_runs_give_q4_0) {
    check_type("cpu Q4_0");
}

static bool give_up(void *user, uint64_t fed, uint64_t total) {
    (void)user;
    (void)fed;
    (void)total;
    return false;
}

Test(batch, what_goes_wrong_ends_one_request_alone) {
    test_machine m = test_machine_demo("cpu fp32");
    rk_batch *batch;
    rk_error err = {0};
    cr_assert_eq(rk_batch_new(&batch, m.context, m.tokenizer, 2, NULL), RK_OK);
    for (size_t i = 0; i < 2; i++) {
        describe(&jobs[i], i, &m);
        if (i == 0) jobs[i].options.progress = (rk_progress){give_up, NULL};
        const rk_request request = {.prompt = "x",
                                    .prompt_length = 1,
                                    .sampling = &jobs[i].sampling,
                                    .options = &jobs[i].options,
                                    .done = done,
                                    .user = &jobs[i]};
        cr_assert_eq(rk_batch_add(batch, &request, NULL), RK_OK);
        if (i == 1) cr_assert_eq(rk_batch_add(batch, &request, &err), RK_ERR_ARGUMENT);
    }
    cr_assert_not_null(strstr(err.message, "full"), "%s", err.message);
    while (rk_batch_active(batch) > 0) cr_assert_eq(rk_batch_step(batch, NULL), RK_OK);
    cr_assert_eq(jobs[0].status, RK_ERR_CANCELLED);
    cr_assert_not_null(strstr(jobs[0].message, "cancelled"), "%s", jobs[0].message);
    cr_assert_eq(jobs[1].status, RK_OK);
    cr_assert_gt(jobs[1].listener.length, 0);
    rk_batch_free(&batch);
    test_machine_free(&m);
}

Test(batch, begins_with_a_given_state_and_leaves_nothing_behind) {
    test_machine m = test_machine_demo("cpu Q8_0");
    rk_state *initial;
    rk_batch *batch;
    cr_assert_eq(rk_state_new(&initial, m.model, 1, NULL), RK_OK);
    const uint32_t tokens[] = {'H', 'e', 'l', 'l', 'o', ' '};
    cr_assert_eq(rk_eval(m.context, initial, tokens, 6, RK_LOGITS_NONE, NULL, NULL), RK_OK);
    cr_assert_eq(rk_batch_new(&batch, m.context, m.tokenizer, 1, NULL), RK_OK);
    for (size_t i = 0; i < 3; i++) { // the same room: with the state, without, with it again
        describe(&jobs[i], 0, &m);
        const rk_request request = {.prompt = "once",
                                    .prompt_length = 4,
                                    .sampling = &jobs[i].sampling,
                                    .options = &jobs[i].options,
                                    .initial = i == 1 ? NULL : initial,
                                    .done = done,
                                    .user = &jobs[i]};
        cr_assert_eq(rk_batch_add(batch, &request, NULL), RK_OK);
        while (rk_batch_active(batch) > 0) cr_assert_eq(rk_batch_step(batch, NULL), RK_OK);
    }
    cr_assert_eq(jobs[0].listener.log_p_sum, jobs[2].listener.log_p_sum);
    cr_assert_neq(jobs[0].listener.log_p_sum, jobs[1].listener.log_p_sum);
    rk_batch_free(&batch);
    rk_state_free(&initial);
    test_machine_free(&m);
}
