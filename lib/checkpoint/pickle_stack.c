// The pickle machine's stack, its marks and its memo.
#include "base/memory.h"
#include "checkpoint/pickle_machine.h"

enum { MAX_STACK = 1 << 19 }; // values on the stack, marks, and memo entries: 2 MB each

static rk_status reserve(rk__pickle_machine *m, rk__stack *stack, size_t needed, const char *what) {
    if (needed > MAX_STACK) {
        return rk__pickle_fail(m, RK_ERR_UNSUPPORTED, "more than %d %s", MAX_STACK, what);
    }
    void *items = stack->items;
    RK_TRY(rk__grow(&items, &stack->capacity, needed, sizeof *stack->items, m->err));
    stack->items = items;
    return RK_OK;
}

rk_status rk__pickle_push(rk__pickle_machine *m, rk__value value) {
    RK_TRY(reserve(m, &m->stack, m->stack.n + 1, "values on the stack"));
    m->stack.items[m->stack.n++] = value;
    return RK_OK;
}

// Store failures know no place: add it.
static rk_status placed(const rk__pickle_machine *m, rk_status status, const rk_error *inner) {
    if (status == RK_OK) return RK_OK;
    return rk__pickle_fail(m, status, "%.300s", inner->message);
}

rk_status rk__pickle_new(rk__pickle_machine *m, rk__value *out, rk__pickle_node node) {
    rk_error inner = {0};
    return placed(m, rk__pickle_add(m->values, out, node, &inner), &inner);
}

rk_status rk__pickle_extend(rk__pickle_machine *m, rk__value to, rk__value item) {
    rk_error inner = {0};
    return placed(m, rk__pickle_append(m->values, to, item, &inner), &inner);
}

rk_status rk__pickle_push_node(rk__pickle_machine *m, rk__pickle_node node) {
    rk__value value;
    RK_TRY(rk__pickle_new(m, &value, node));
    return rk__pickle_push(m, value);
}

size_t rk__pickle_floor(const rk__pickle_machine *m) {
    return m->marks.n > 0 ? m->marks.items[m->marks.n - 1] : 0;
}

rk_status rk__pickle_pop(rk__pickle_machine *m, rk__value *value) {
    *value = m->none;
    if (m->stack.n <= rk__pickle_floor(m)) {
        return rk__pickle_fail(m, RK_ERR_FORMAT, "opcode %02x takes a value from an empty stack",
                               m->opcode);
    }
    *value = m->stack.items[--m->stack.n];
    return RK_OK;
}

rk_status rk__pickle_top(rk__pickle_machine *m, rk__value *value) {
    RK_TRY(rk__pickle_pop(m, value));
    m->stack.n++;
    return RK_OK;
}

rk_status rk__pickle_drop_mark(rk__pickle_machine *m, size_t *from) {
    *from = m->stack.n;
    if (m->marks.n == 0) {
        return rk__pickle_fail(m, RK_ERR_FORMAT, "opcode %02x needs a mark, and there is none",
                               m->opcode);
    }
    *from = m->marks.items[--m->marks.n];
    return RK_OK;
}

rk_status rk__pickle_op_mark(rk__pickle_machine *m) {
    RK_TRY(reserve(m, &m->marks, m->marks.n + 1, "marks"));
    m->marks.items[m->marks.n++] = (uint32_t)m->stack.n;
    return RK_OK;
}

rk_status rk__pickle_op_pop(rk__pickle_machine *m) {
    // A mark may be popped like a value.
    if (m->marks.n > 0 && m->stack.n == rk__pickle_floor(m)) {
        m->marks.n--;
        return RK_OK;
    }
    rk__value value;
    return rk__pickle_pop(m, &value);
}

rk_status rk__pickle_op_pop_mark(rk__pickle_machine *m) {
    return rk__pickle_drop_mark(m, &m->stack.n);
}

rk_status rk__pickle_op_dup(rk__pickle_machine *m) {
    rk__value value;
    RK_TRY(rk__pickle_top(m, &value));
    return rk__pickle_push(m, value);
}

static rk_status memo_put(rk__pickle_machine *m, uint64_t index) {
    rk__value value;
    RK_TRY(rk__pickle_top(m, &value));
    if (index >= MAX_STACK) {
        return rk__pickle_fail(m, RK_ERR_UNSUPPORTED, "memo number %llu is too large",
                               (unsigned long long)index);
    }
    RK_TRY(reserve(m, &m->memo, (size_t)index + 1, "memo entries"));
    for (; m->memo.n <= index; m->memo.n++) m->memo.items[m->memo.n] = 0;
    m->memo.items[index] = value + 1;
    return RK_OK;
}

static rk_status memo_get(rk__pickle_machine *m, uint64_t index) {
    if (index >= m->memo.n || m->memo.items[index] == 0) {
        return rk__pickle_fail(m, RK_ERR_FORMAT, "memo number %llu is used but was never set",
                               (unsigned long long)index);
    }
    return rk__pickle_push(m, m->memo.items[index] - 1);
}

// The number behind PUT and GET in any of their forms.
static rk_status memo_index(rk__pickle_machine *m, uint64_t *index) {
    switch (m->opcode) {
    case 'h':
    case 'q':
        *index = rk__cursor_u8(&m->in);
        return RK_OK;
    case 'j':
    case 'r':
        *index = rk__cursor_u32le(&m->in);
        return RK_OK;
    default:
        break;
    }
    int64_t number;
    bool fits;
    RK_TRY(rk__pickle_line_number(m, &number, &fits));
    if (!fits || number < 0) return rk__pickle_fail(m, RK_ERR_FORMAT, "a memo number below 0");
    *index = (uint64_t)number;
    return RK_OK;
}

rk_status rk__pickle_op_put(rk__pickle_machine *m) {
    uint64_t index = 0;
    RK_TRY(memo_index(m, &index));
    return memo_put(m, index);
}

rk_status rk__pickle_op_get(rk__pickle_machine *m) {
    uint64_t index = 0;
    RK_TRY(memo_index(m, &index));
    return m->in.failed ? RK_OK : memo_get(m, index);
}

rk_status rk__pickle_op_memoize(rk__pickle_machine *m) {
    return memo_put(m, m->memo.n);
}
