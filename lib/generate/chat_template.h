// A template's fields, and reading them.
#ifndef RK_CHAT_TEMPLATE_H
#define RK_CHAT_TEMPLATE_H

#include "base/error_internal.h"
#include "rk/chat.h"

enum { RK__CHAT_STOPS = 16 };

// A format with one place for a text.
typedef struct rk__chat_format {
    char *before, *after; // NULL: not given
    size_t n_before, n_after;
} rk__chat_format;

struct rk_chat_template {
    rk__chat_format begin;         // `before` alone: what every conversation begins with
    rk__chat_format system, turn;  // around the system text; around what is said
    rk__chat_format answer_begin;  // `before` alone: put in the answer's mouth
    rk__chat_format answer_end;    // `before` alone: between an answer and the next turn
    rk_text stops[RK__CHAT_STOPS]; // [n_stops], owned
    size_t n_stops;
    bool keep_empty_lines;
};

// Reads a template's text; `name` is for messages.
rk_status rk__chat_template_read(rk_chat_template **out, const char *name, const char *text,
                                 size_t length, rk_error *err);

#endif
