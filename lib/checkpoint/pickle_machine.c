// The pickle machine's loop, and the opcodes that build containers and objects.
#include "checkpoint/pickle_machine.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/memory.h"
#include "checkpoint/pickle_tensor.h"

enum {
    HIGHEST_PROTOCOL = 5,
    MAX_NAME = 1000, // bytes of a module's or a class's name
};

typedef rk_status (*operation)(rk__pickle_machine *m);

rk_status rk__pickle_fail(const rk__pickle_machine *m, rk_status status, const char *format, ...) {
    char text[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return rk__fail(m->err, status, "%s: pickle %s, byte %zu: %s", m->source->path,
                    m->source->record, m->opcode_offset, text);
}

// ---- constants and containers

static rk_status op_constant(rk__pickle_machine *m) {
    return rk__pickle_push(m, m->opcode == 'N' ? m->none : m->opcode == 0x88 ? m->yes : m->no);
}

static rk__value_kind container_of(uint8_t opcode) {
    switch (opcode) {
    case ')':
    case 't':
        return RK__PICKLE_TUPLE;
    case ']':
    case 'l':
        return RK__PICKLE_LIST;
    case '}':
    case 'd':
        return RK__PICKLE_DICT;
    default:
        return RK__PICKLE_SET;
    }
}

static rk_status op_empty(rk__pickle_machine *m) {
    return rk__pickle_push_node(m, (rk__pickle_node){.kind = (uint8_t)container_of(m->opcode)});
}

// A new container of the values stack.items[from ..], which it replaces.
static rk_status collect(rk__pickle_machine *m, rk__value_kind kind, size_t from) {
    rk__value container;
    RK_TRY(rk__pickle_new(m, &container, (rk__pickle_node){.kind = (uint8_t)kind}));
    for (size_t i = from; i < m->stack.n; i++) {
        RK_TRY(rk__pickle_extend(m, container, m->stack.items[i]));
    }
    m->stack.n = from;
    return rk__pickle_push(m, container);
}

static rk_status op_collect(rk__pickle_machine *m) {
    size_t from;
    RK_TRY(rk__pickle_drop_mark(m, &from));
    const rk__value_kind kind = container_of(m->opcode);
    if (kind == RK__PICKLE_DICT && (m->stack.n - from) % 2 != 0) {
        return rk__pickle_fail(m, RK_ERR_FORMAT, "a dictionary with a key without a value");
    }
    return collect(m, kind, from);
}

static rk_status op_small_tuple(rk__pickle_machine *m) {
    const size_t n = (size_t)(m->opcode - 0x84);
    if (m->stack.n - rk__pickle_floor(m) < n) {
        return rk__pickle_fail(m, RK_ERR_FORMAT, "a tuple of %zu values from a stack of %zu", n,
                               m->stack.n - rk__pickle_floor(m));
    }
    return collect(m, RK__PICKLE_TUPLE, m->stack.n - n);
}

// Adds the values stack.items[from ..] to the container below them. Objects of unknown classes may
// behave like containers: what they are given is dropped.
static rk_status extend(rk__pickle_machine *m, rk__value_kind wanted, size_t from) {
    if (from <= rk__pickle_floor(m)) {
        return rk__pickle_fail(m, RK_ERR_FORMAT, "opcode %02x takes a value from an empty stack",
                               m->opcode);
    }
    const rk__value container = m->stack.items[from - 1];
    const rk__value_kind kind = rk__pickle_kind(m->values, container);
    if (kind != wanted && kind != RK__PICKLE_OPAQUE) {
        return rk__pickle_fail(m, RK_ERR_FORMAT, "items are added to %s, not to %s",
                               rk__pickle_kind_name(kind), rk__pickle_kind_name(wanted));
    }
    for (size_t i = from; kind == wanted && i < m->stack.n; i++) {
        RK_TRY(rk__pickle_extend(m, container, m->stack.items[i]));
    }
    m->stack.n = from;
    return RK_OK;
}

static rk_status op_append(rk__pickle_machine *m) {
    const size_t n = m->opcode == 's' ? 2 : 1;
    const rk__value_kind kind = m->opcode == 's' ? RK__PICKLE_DICT : RK__PICKLE_LIST;
    const size_t from = m->stack.n < n ? 0 : m->stack.n - n;
    return extend(m, kind, from);
}

static rk_status op_extend(rk__pickle_machine *m) {
    size_t from;
    RK_TRY(rk__pickle_drop_mark(m, &from));
    if (m->opcode == 'u' && (m->stack.n - from) % 2 != 0) {
        return rk__pickle_fail(m, RK_ERR_FORMAT, "a dictionary with a key without a value");
    }
    return extend(m,
                  m->opcode == 'u'   ? RK__PICKLE_DICT
                  : m->opcode == 'e' ? RK__PICKLE_LIST
                                     : RK__PICKLE_SET,
                  from);
}

// ---- names of Python's world

// Names are searched whenever something is called, and one long name may be called many times.
static rk_status push_global(rk__pickle_machine *m, rk__value module, rk__value name) {
    const size_t n_module = rk__pickle_node_of(m->values, module)->count;
    const size_t n_name = rk__pickle_node_of(m->values, name)->count;
    if (n_module > MAX_NAME || n_name > MAX_NAME) {
        return rk__pickle_fail(m, RK_ERR_UNSUPPORTED,
                               "a class or function with a name of %zu and %zu bytes; %d are read",
                               n_module, n_name, MAX_NAME);
    }
    return rk__pickle_push_node(
        m, (rk__pickle_node){.kind = RK__PICKLE_GLOBAL, .as.global = {module, name}});
}

// Two lines: module and name.
static rk_status op_global(rk__pickle_machine *m) {
    size_t n_module, n_name;
    const uint8_t *module = rk__cursor_line(&m->in, &n_module);
    const uint8_t *name = rk__cursor_line(&m->in, &n_name);
    if (m->in.failed) return RK_OK;
    rk__value module_text, name_text;
    RK_TRY(rk__pickle_add_text(m, &module_text, module, n_module));
    RK_TRY(rk__pickle_add_text(m, &name_text, name, n_name));
    return push_global(m, module_text, name_text);
}

static rk_status op_stack_global(rk__pickle_machine *m) {
    rk__value module, name;
    RK_TRY(rk__pickle_pop(m, &name));
    RK_TRY(rk__pickle_pop(m, &module));
    if (rk__pickle_kind(m->values, module) != RK__PICKLE_TEXT ||
        rk__pickle_kind(m->values, name) != RK__PICKLE_TEXT) {
        return rk__pickle_fail(m, RK_ERR_FORMAT, "the name of a class or function is no text");
    }
    return push_global(m, module, name);
}

static rk_status call(rk__pickle_machine *m, rk__value callable, rk__value arguments) {
    rk__value result;
    RK_TRY(rk__pickle_call(m, callable, arguments, &result));
    return rk__pickle_push(m, result);
}

// REDUCE and NEWOBJ: a callable and a tuple; NEWOBJ_EX: a dictionary of named arguments, too.
static rk_status op_call(rk__pickle_machine *m) {
    rk__value callable, arguments, named;
    if (m->opcode == 0x92) RK_TRY(rk__pickle_pop(m, &named));
    RK_TRY(rk__pickle_pop(m, &arguments));
    RK_TRY(rk__pickle_pop(m, &callable));
    return call(m, callable, arguments);
}

// INST: the arguments above the mark, the class in two lines. OBJ: the class first above the mark.
static rk_status op_mark_call(rk__pickle_machine *m) {
    size_t from;
    RK_TRY(rk__pickle_drop_mark(m, &from));
    rk__value callable, arguments;
    if (m->opcode == 'o') {
        if (m->stack.n == from) {
            return rk__pickle_fail(m, RK_ERR_FORMAT, "an object without a class");
        }
        callable = m->stack.items[from++];
    } else {
        RK_TRY(op_global(m));
        if (m->in.failed) return RK_OK;
        RK_TRY(rk__pickle_pop(m, &callable));
    }
    RK_TRY(collect(m, RK__PICKLE_TUPLE, from));
    RK_TRY(rk__pickle_pop(m, &arguments));
    if (m->opcode == 'o') m->stack.n--;
    return call(m, callable, arguments);
}

// The state of an object: attributes of a dictionary or a tensor are not tensors' data.
static rk_status op_build(rk__pickle_machine *m) {
    rk__value state, object;
    RK_TRY(rk__pickle_pop(m, &state));
    RK_TRY(rk__pickle_top(m, &object));
    const rk__value_kind kind = rk__pickle_kind(m->values, object);
    switch (kind) {
    case RK__PICKLE_LIST:
    case RK__PICKLE_DICT:
    case RK__PICKLE_SET:
    case RK__PICKLE_TENSOR:
    case RK__PICKLE_OPAQUE:
        return RK_OK;
    default:
        return rk__pickle_fail(m, RK_ERR_FORMAT, "attributes are given to %s",
                               rk__pickle_kind_name(kind));
    }
}

static rk_status op_persistent(rk__pickle_machine *m) {
    rk__value id, result;
    RK_TRY(rk__pickle_pop(m, &id));
    RK_TRY(rk__pickle_persistent(m, id, &result));
    return rk__pickle_push(m, result);
}

static rk_status op_refused(rk__pickle_machine *m) {
    const char *what = m->opcode == 'P'                         ? "a persistent id in a line"
                       : m->opcode >= 0x82 && m->opcode <= 0x84 ? "the extension registry"
                                                                : "an out-of-band buffer";
    return rk__pickle_fail(m, RK_ERR_UNSUPPORTED, "opcode %02x: %s is no part of a checkpoint",
                           m->opcode, what);
}

// ---- framing

static rk_status op_protocol(rk__pickle_machine *m) {
    const uint8_t protocol = rk__cursor_u8(&m->in);
    if (protocol <= HIGHEST_PROTOCOL) return RK_OK;
    return rk__pickle_fail(m, RK_ERR_UNSUPPORTED, "pickle protocol %u; 0 to %d are known", protocol,
                           HIGHEST_PROTOCOL);
}

static rk_status op_frame(rk__pickle_machine *m) {
    const uint64_t size = rk__cursor_u64le(&m->in);
    if (size > rk__cursor_left(&m->in)) m->in.failed = true;
    return RK_OK;
}

static rk_status op_stop(rk__pickle_machine *m) {
    m->stopped = true;
    return RK_OK;
}

static const operation operations[256] = {
    ['('] = rk__pickle_op_mark,
    ['.'] = op_stop,
    ['0'] = rk__pickle_op_pop,
    ['1'] = rk__pickle_op_pop_mark,
    ['2'] = rk__pickle_op_dup,
    ['F'] = rk__pickle_op_real,
    ['G'] = rk__pickle_op_real,
    ['I'] = rk__pickle_op_text_integer,
    ['L'] = rk__pickle_op_text_integer,
    ['J'] = rk__pickle_op_binary_integer,
    ['K'] = rk__pickle_op_binary_integer,
    ['M'] = rk__pickle_op_binary_integer,
    [0x8a] = rk__pickle_op_long,
    [0x8b] = rk__pickle_op_long,
    ['N'] = op_constant,
    [0x88] = op_constant,
    [0x89] = op_constant,
    ['S'] = rk__pickle_op_line,
    ['V'] = rk__pickle_op_line,
    ['T'] = rk__pickle_op_counted,
    ['U'] = rk__pickle_op_counted,
    ['X'] = rk__pickle_op_counted,
    ['B'] = rk__pickle_op_counted,
    ['C'] = rk__pickle_op_counted,
    [0x8c] = rk__pickle_op_counted,
    [0x8d] = rk__pickle_op_counted,
    [0x8e] = rk__pickle_op_counted,
    [0x96] = rk__pickle_op_counted,
    [')'] = op_empty,
    [']'] = op_empty,
    ['}'] = op_empty,
    [0x8f] = op_empty,
    ['t'] = op_collect,
    ['l'] = op_collect,
    ['d'] = op_collect,
    [0x91] = op_collect,
    [0x85] = op_small_tuple,
    [0x86] = op_small_tuple,
    [0x87] = op_small_tuple,
    ['a'] = op_append,
    ['s'] = op_append,
    ['e'] = op_extend,
    ['u'] = op_extend,
    [0x90] = op_extend,
    ['p'] = rk__pickle_op_put,
    ['q'] = rk__pickle_op_put,
    ['r'] = rk__pickle_op_put,
    ['g'] = rk__pickle_op_get,
    ['h'] = rk__pickle_op_get,
    ['j'] = rk__pickle_op_get,
    [0x94] = rk__pickle_op_memoize,
    ['c'] = op_global,
    [0x93] = op_stack_global,
    ['R'] = op_call,
    [0x81] = op_call,
    [0x92] = op_call,
    ['i'] = op_mark_call,
    ['o'] = op_mark_call,
    ['b'] = op_build,
    ['Q'] = op_persistent,
    ['P'] = op_refused,
    [0x82] = op_refused,
    [0x83] = op_refused,
    [0x84] = op_refused,
    [0x97] = op_refused,
    [0x98] = op_refused,
    [0x80] = op_protocol,
    [0x95] = op_frame,
};

// ---- the loop

static rk_status step(rk__pickle_machine *m) {
    m->opcode_offset = m->in.offset;
    m->opcode = rk__cursor_u8(&m->in);
    if (m->in.failed) return RK_OK;
    const operation perform = operations[m->opcode];
    if (!perform) return rk__pickle_fail(m, RK_ERR_FORMAT, "%02x is no opcode", m->opcode);
    return perform(m);
}

static rk_status run(rk__pickle_machine *m, rk__value *result) {
    RK_TRY(rk__pickle_new(m, &m->none, (rk__pickle_node){.kind = RK__PICKLE_NONE}));
    RK_TRY(rk__pickle_new(m, &m->yes, (rk__pickle_node){.kind = RK__PICKLE_BOOL, .as.integer = 1}));
    RK_TRY(rk__pickle_new(m, &m->no, (rk__pickle_node){.kind = RK__PICKLE_BOOL}));
    while (!m->stopped) {
        RK_TRY(step(m));
        if (m->in.failed) {
            return rk__pickle_fail(m, RK_ERR_FORMAT, "the pickle ends in the middle (%zu bytes)",
                                   m->in.size);
        }
    }
    return rk__pickle_pop(m, result);
}

rk_status rk__pickle_run(rk__pickle_values *values, const rk__pickle_source *source, size_t offset,
                         rk__value *result, size_t *end, bool *out_of_data, rk_error *err) {
    rk__pickle_machine m = {
        .in = rk__cursor_over(values->pickle, values->pickle_size),
        .values = values,
        .source = source,
        .err = err,
        .opcode_offset = offset,
    };
    (void)rk__cursor_bytes(&m.in, offset);
    const rk_status status = run(&m, result);
    if (end) *end = m.in.offset;
    if (out_of_data) *out_of_data = m.in.failed;
    rk__free(m.stack.items);
    rk__free(m.marks.items);
    rk__free(m.memo.items);
    return status;
}
