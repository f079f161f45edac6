// What "calls" in pickles give. Nothing is ever called: a few names are known to make plain values,
// objects of classes that stand beside the tensors become opaque, and everything else is refused by
// its name.
#include <string.h>

#include "checkpoint/pickle_tensor.h"

// What a known name gives when it is called.
typedef enum gives {
    GIVES_DICT,           // an empty dictionary, or one of the pairs in the argument
    GIVES_FIRST_ARGUMENT, // the argument itself
    GIVES_OPAQUE,
    GIVES_OBJECT_OF_CLASS, // copyreg._reconstructor: the class is the first argument
    GIVES_TENSOR_OF_TYPE,  // torch._tensor._rebuild_from_type_v2
} gives;

typedef struct known_global {
    const char *module, *name;
    gives what;
} known_global;

// A module of NULL: builtins, under the names of Python 2 and 3.
static const known_global known_globals[] = {
    {"collections", "OrderedDict", GIVES_DICT},
    {"collections", "defaultdict", GIVES_DICT},
    {"collections", "Counter", GIVES_DICT},
    {NULL, "dict", GIVES_DICT},
    {"torch", "Size", GIVES_FIRST_ARGUMENT},
    {"torch._tensor", "_rebuild_from_type_v2", GIVES_TENSOR_OF_TYPE},
    {"torch", "device", GIVES_OPAQUE},
    {"torch.serialization", "_get_layout", GIVES_OPAQUE},
    {"torch.storage", "_load_from_bytes", GIVES_OPAQUE},
    {NULL, "set", GIVES_OPAQUE},
    {NULL, "frozenset", GIVES_OPAQUE},
    {NULL, "list", GIVES_OPAQUE},
    {NULL, "tuple", GIVES_OPAQUE},
    {NULL, "bytearray", GIVES_OPAQUE},
    {NULL, "bytes", GIVES_OPAQUE},
    {NULL, "complex", GIVES_OPAQUE},
    {NULL, "int", GIVES_OPAQUE},
    {NULL, "float", GIVES_OPAQUE},
    {NULL, "bool", GIVES_OPAQUE},
    {NULL, "str", GIVES_OPAQUE},
    {NULL, "slice", GIVES_OPAQUE},
    {NULL, "range", GIVES_OPAQUE},
    {NULL, "xrange", GIVES_OPAQUE},
    {NULL, "object", GIVES_OPAQUE},
    {"_codecs", "encode", GIVES_OPAQUE},
    {"argparse", "Namespace", GIVES_OPAQUE},
    {"collections", "deque", GIVES_OPAQUE},
    {"copy_reg", "_reconstructor", GIVES_OBJECT_OF_CLASS},
    {"copyreg", "_reconstructor", GIVES_OBJECT_OF_CLASS},
    {"datetime", "date", GIVES_OPAQUE},
    {"datetime", "datetime", GIVES_OPAQUE},
    {"datetime", "time", GIVES_OPAQUE},
    {"datetime", "timedelta", GIVES_OPAQUE},
    {"datetime", "timezone", GIVES_OPAQUE},
    {"decimal", "Decimal", GIVES_OPAQUE},
    {"fractions", "Fraction", GIVES_OPAQUE},
    {"pathlib", "Path", GIVES_OPAQUE},
    {"pathlib", "PosixPath", GIVES_OPAQUE},
    {"pathlib", "PurePosixPath", GIVES_OPAQUE},
    {"pathlib", "WindowsPath", GIVES_OPAQUE},
    {"pathlib", "PureWindowsPath", GIVES_OPAQUE},
    {"types", "SimpleNamespace", GIVES_OPAQUE},
    {"uuid", "UUID", GIVES_OPAQUE},
    {"numpy", "dtype", GIVES_OPAQUE},
    {"numpy", "ndarray", GIVES_OPAQUE},
    {"numpy.core.multiarray", "_reconstruct", GIVES_OPAQUE},
    {"numpy.core.multiarray", "scalar", GIVES_OPAQUE},
    {"numpy._core.multiarray", "_reconstruct", GIVES_OPAQUE},
    {"numpy._core.multiarray", "scalar", GIVES_OPAQUE},
    {"numpy.core.numeric", "_frombuffer", GIVES_OPAQUE},
    {"numpy._core.numeric", "_frombuffer", GIVES_OPAQUE},
};

// Packages of Python's own library. Their classes are no configuration that somebody saved beside
// weights (what is, stands in the table above), and among them are those that open, run and
// connect.
static const char own_packages[] =
    " __builtin__ _io _posixsubprocess _socket _thread aifc ast asyncio asyncore atexit base64 "
    "bdb builtins bz2 cgi cloudpickle cmd code codecs codeop commands concurrent configparser "
    "contextlib cPickle cProfile ctypes curses dbm difflib dill dis distutils doctest email "
    "ensurepip enum faulthandler fcntl fileinput ftplib functools gc getpass glob gzip http "
    "idlelib imaplib imp importlib inspect io itertools joblib lib2to3 linecache logging lzma "
    "mailbox marshal mmap modulefinder multiprocessing netrc nntplib nt ntpath operator os "
    "pickle pickletools pip pkgutil platform plistlib poplib posix posixpath pprint profile "
    "pstats pty py_compile pydoc queue random readline resource rlcompleter runpy sched "
    "select selectors setuptools shelve shlex shutil signal site smtpd smtplib socket "
    "socketserver sqlite3 ssl string struct subprocess sys sysconfig tarfile telnetlib "
    "tempfile test threading timeit tkinter trace traceback tracemalloc turtle types unittest "
    "urllib urllib2 venv warnings weakref webbrowser wsgiref xml xmlrpc zipapp zipfile "
    "zipimport zlib ";

// A name of Python's world as two texts that are not terminated.
typedef struct global_name {
    const char *module, *name;
    size_t n_module, n_name;
} global_name;

static bool same_text(const char *text, size_t length, const char *name) {
    return length == strlen(name) && memcmp(text, name, length) == 0;
}

static const known_global *find_known(const global_name *global) {
    const bool builtin = same_text(global->module, global->n_module, "builtins") ||
                         same_text(global->module, global->n_module, "__builtin__");
    for (size_t i = 0; i < sizeof known_globals / sizeof known_globals[0]; i++) {
        const known_global *known = &known_globals[i];
        const bool same_module =
            known->module ? same_text(global->module, global->n_module, known->module) : builtin;
        if (same_module && same_text(global->name, global->n_name, known->name)) return known;
    }
    return NULL;
}

// Is it one of the words above? Names that no package can have count as such.
static bool is_own_package(const char *name, size_t length) {
    enum { LONGEST = 200 };
    char word[LONGEST + 2];
    if (length == 0 || length > LONGEST || memchr(name, ' ', length)) return true;
    word[0] = ' ';
    memcpy(word + 1, name, length);
    word[length + 1] = ' ';
    return memmem(own_packages, sizeof own_packages - 1, word, length + 2) != NULL;
}

// A class by its looks: one capital name of a package that is not Python's own. Functions, dotted
// names and anything that the standard library could do are refused.
static bool looks_like_foreign_class(const global_name *global) {
    size_t start = 0;
    while (start < global->n_name && global->name[start] == '_') start++;
    if (start == global->n_name || global->name[start] < 'A' || global->name[start] > 'Z') {
        return false;
    }
    if (memchr(global->name, '.', global->n_name)) return false;
    const char *dot = memchr(global->module, '.', global->n_module);
    const size_t n_package = dot ? (size_t)(dot - global->module) : global->n_module;
    return !is_own_package(global->module, n_package);
}

static rk_status refuse(rk__pickle_machine *m, const global_name *global) {
    enum { QUOTED = 100 };
    return rk__pickle_fail(
        m, RK_ERR_UNSUPPORTED, "calls %.*s.%.*s; a checkpoint has no need to, and nothing was run",
        (int)(global->n_module < QUOTED ? global->n_module : QUOTED), global->module,
        (int)(global->n_name < QUOTED ? global->n_name : QUOTED), global->name);
}

static rk_status make_opaque(rk__pickle_machine *m, rk__value class_, rk__value *result) {
    const rk__pickle_node *node = rk__pickle_node_of(m->values, class_);
    return rk__pickle_new(
        m, result, (rk__pickle_node){.kind = RK__PICKLE_OPAQUE, .as.global = node->as.global});
}

// A dictionary of the pairs in a list, as Python 2 wrote ordered ones.
static rk_status make_dict(rk__pickle_machine *m, rk__value arguments, rk__value *result) {
    RK_TRY(rk__pickle_new(m, result, (rk__pickle_node){.kind = RK__PICKLE_DICT}));
    rk__value pairs, key, value;
    if (!rk__pickle_item(m->values, arguments, 0, &pairs) ||
        rk__pickle_kind(m->values, pairs) != RK__PICKLE_LIST) {
        return RK_OK;
    }
    uint32_t at = rk__pickle_first(m->values, pairs);
    for (rk__value pair; rk__pickle_next(m->values, &at, &pair);) {
        if (!rk__pickle_item(m->values, pair, 0, &key) ||
            !rk__pickle_item(m->values, pair, 1, &value)) {
            return rk__pickle_fail(m, RK_ERR_FORMAT, "a dictionary is made of %s",
                                   rk__pickle_kind_name(rk__pickle_kind(m->values, pair)));
        }
        RK_TRY(rk__pickle_extend(m, *result, key));
        RK_TRY(rk__pickle_extend(m, *result, value));
    }
    return RK_OK;
}

static global_name name_of(const rk__pickle_values *values, rk__value global) {
    const rk__pickle_node *node = rk__pickle_node_of(values, global);
    global_name out;
    out.module = rk__pickle_text(values, node->as.global.module, &out.n_module);
    out.name = rk__pickle_text(values, node->as.global.name, &out.n_name);
    return out;
}

// _rebuild_from_type_v2(function, type, arguments, state): the function's tensor as a subclass.
static rk_status make_tensor_of_type(rk__pickle_machine *m, rk__value arguments,
                                     rk__value *result) {
    rk__value function, inner;
    bool known = false;
    if (rk__pickle_item(m->values, arguments, 0, &function) &&
        rk__pickle_item(m->values, arguments, 2, &inner) &&
        rk__pickle_kind(m->values, function) == RK__PICKLE_GLOBAL &&
        rk__pickle_kind(m->values, inner) == RK__PICKLE_TUPLE) {
        const global_name global = name_of(m->values, function);
        if (same_text(global.module, global.n_module, "torch._utils")) {
            RK_TRY(rk__pickle_rebuild(m, global.name, global.n_name, inner, &known, result));
        }
    }
    if (known) return RK_OK;
    return rk__pickle_fail(m, RK_ERR_UNSUPPORTED, "a tensor of a type that is not known");
}

static rk_status make_object_of_class(rk__pickle_machine *m, rk__value arguments,
                                      rk__value *result) {
    rk__value class_;
    if (!rk__pickle_item(m->values, arguments, 0, &class_) ||
        rk__pickle_kind(m->values, class_) != RK__PICKLE_GLOBAL) {
        return rk__pickle_fail(m, RK_ERR_FORMAT, "an object without a class");
    }
    const global_name global = name_of(m->values, class_);
    if (!find_known(&global) && !looks_like_foreign_class(&global)) return refuse(m, &global);
    return make_opaque(m, class_, result);
}

static rk_status call_known(rk__pickle_machine *m, const known_global *known, rk__value callable,
                            rk__value arguments, rk__value *result) {
    switch (known->what) {
    case GIVES_DICT:
        return make_dict(m, arguments, result);
    case GIVES_FIRST_ARGUMENT:
        if (rk__pickle_item(m->values, arguments, 0, result)) return RK_OK;
        return rk__pickle_fail(m, RK_ERR_FORMAT, "%s without an argument", known->name);
    case GIVES_OBJECT_OF_CLASS:
        return make_object_of_class(m, arguments, result);
    case GIVES_TENSOR_OF_TYPE:
        return make_tensor_of_type(m, arguments, result);
    case GIVES_OPAQUE:
        break;
    }
    return make_opaque(m, callable, result);
}

rk_status rk__pickle_call(rk__pickle_machine *m, rk__value callable, rk__value arguments,
                          rk__value *result) {
    const rk__value_kind kind = rk__pickle_kind(m->values, callable);
    if (kind != RK__PICKLE_GLOBAL) {
        return rk__pickle_fail(m, RK_ERR_FORMAT, "%s is called", rk__pickle_kind_name(kind));
    }
    if (rk__pickle_kind(m->values, arguments) != RK__PICKLE_TUPLE) {
        return rk__pickle_fail(m, RK_ERR_FORMAT, "a call with %s for its arguments",
                               rk__pickle_kind_name(rk__pickle_kind(m->values, arguments)));
    }
    const global_name global = name_of(m->values, callable);
    if (same_text(global.module, global.n_module, "torch._utils")) {
        bool known;
        RK_TRY(rk__pickle_rebuild(m, global.name, global.n_name, arguments, &known, result));
        if (known) return RK_OK;
    }
    const known_global *known = find_known(&global);
    if (known) return call_known(m, known, callable, arguments, result);
    if (looks_like_foreign_class(&global)) return make_opaque(m, callable, result);
    return refuse(m, &global);
}
