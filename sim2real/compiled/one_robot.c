/* Python's way to arithmetic.h. All arrays are C-contiguous doubles, whose sizes are checked against one another. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdarg.h>

#include "arithmetic.h"

/* Whether the buffers have as many doubles as they should; sets a ValueError that names the one that has not. */
static int fits(const char *names, int count, ...)
{
    va_list list;
    int good = 1;
    va_start(list, count);
    for (int i = 0; i < count && good; i++) {
        const Py_buffer *buffer = va_arg(list, const Py_buffer *);
        Py_ssize_t expected = va_arg(list, Py_ssize_t);
        if (expected < 0 || buffer->len != expected * (Py_ssize_t)sizeof(double)) {
            PyErr_Format(PyExc_ValueError, "%s: buffer %d: expected %zd doubles, got %zd bytes", names, i, expected,
                         buffer->len);
            good = 0;
        }
    }
    va_end(list);
    return good;
}

static void release(Py_buffer *buffers, int count)
{
    for (int i = 0; i < count; i++)
        PyBuffer_Release(&buffers[i]);
}

static PyObject *stopping_extent(PyObject *self, PyObject *args)
{
    Py_buffer b[5] = {{0}}; /* velocity, acceleration, max acceleration, jerk, out: up and down */
    PyObject *answer = NULL;
    if (!PyArg_ParseTuple(args, "y*y*y*y*w*", &b[0], &b[1], &b[2], &b[3], &b[4]))
        return NULL;
    const Py_ssize_t n = b[0].len / (Py_ssize_t)sizeof(double);
    if (fits("stopping_extent: velocity, acceleration, max acceleration, jerk, out", 5, &b[0], n, &b[1], n, &b[2], n,
             &b[3], n, &b[4], 2 * n)) {
        const double *v = b[0].buf, *a = b[1].buf, *most = b[2].buf, *jerk = b[3].buf;
        double *out = b[4].buf;
        for (Py_ssize_t i = 0; i < n; i++)
            stop(v[i], a[i], most[i], jerk[i], &out[i], &out[n + i]);
        answer = Py_NewRef(Py_None);
    }
    release(b, 5);
    return answer;
}

static PyObject *advance(PyObject *self, PyObject *args)
{
    Py_buffer b[9] = {{0}}; /* constants, wanted, stands, q, v, a, last wanted, last rate, out */
    PyObject *answer = NULL;
    if (!PyArg_ParseTuple(args, "y*y*z*y*y*y*y*y*w*", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5], &b[6], &b[7], &b[8]))
        return NULL;
    const Py_ssize_t n = b[1].len / (Py_ssize_t)sizeof(double);
    if (fits("advance: constants, wanted, q, v, a, last wanted, last rate, out", 8, &b[0], 14 * n, &b[1], n, &b[3], n,
             &b[4], n, &b[5], n, &b[6], n, &b[7], n, &b[8], 6 * n)) {
        if (b[2].buf != NULL && b[2].len != n)
            PyErr_Format(PyExc_ValueError, "advance: stands: expected %zd flags, got %zd", n, b[2].len);
        else
            answer = PyBool_FromLong(advance_all(n, b[0].buf, b[1].buf, b[2].buf, b[3].buf, b[4].buf, b[5].buf,
                                                 b[6].buf, b[7].buf, b[8].buf));
    }
    release(b, 9);
    return answer;
}

static PyObject *way_and_step(PyObject *self, PyObject *args)
{
    Py_buffer b[6] = {{0}}; /* steps, tool, q, goal, full step, out */
    double damping;
    PyObject *answer = NULL;
    if (!PyArg_ParseTuple(args, "y*y*y*y*y*dw*", &b[0], &b[1], &b[2], &b[3], &b[4], &damping, &b[5]))
        return NULL;
    const Py_ssize_t joints = b[2].len / (Py_ssize_t)sizeof(double);
    const Py_ssize_t count = b[0].len / (Py_ssize_t)(14 * sizeof(double));
    if (fits("way_and_step: steps, tool, q, goal, full step, out", 6, &b[0], 14 * count, &b[1], (Py_ssize_t)12, &b[2],
             joints, &b[3], (Py_ssize_t)3, &b[4], joints, &b[5], joints + 3)) {
        int good = count <= MOST;
        for (Py_ssize_t i = 0; i < count && good; i++) {
            const double column = ((const double *)b[0].buf)[14 * i];
            good = column >= 0.0 && column < (double)joints;
        }
        if (good) {
            see(count, joints, b[0].buf, b[1].buf, b[2].buf, b[3].buf, b[4].buf, damping, b[5].buf);
            answer = Py_NewRef(Py_None);
        } else
            PyErr_Format(PyExc_ValueError, "way_and_step: expected at most %d steps, of joints 0 to %zd", MOST,
                         joints - 1);
    }
    release(b, 6);
    return answer;
}

static PyObject *surely(PyObject *self, PyObject *args)
{
    Py_buffer b[7] = {{0}}; /* motion, left, q, known, v, a, factors */
    double period;
    PyObject *answer = NULL;
    if (!PyArg_ParseTuple(args, "y*y*y*y*z*z*dy*", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5], &period, &b[6]))
        return NULL;
    const Py_ssize_t joints = b[2].len / (Py_ssize_t)sizeof(double), bounds = b[1].len / (Py_ssize_t)sizeof(double);
    const Py_ssize_t moving = b[4].buf == NULL ? 0 : joints;
    if (joints > MOST)
        PyErr_Format(PyExc_ValueError, "surely: expected at most %d joints, got %zd", MOST, joints);
    else if (fits("surely: motion, left, q, known, v, a, factors", 7, &b[0], bounds * joints, &b[1], bounds, &b[2],
                  joints, &b[3], joints, &b[4], moving, &b[5], moving, &b[6], 4 * joints))
        answer = PyBool_FromLong(surely_all(bounds, joints, b[0].buf, b[1].buf, b[2].buf, b[3].buf, b[4].buf, b[5].buf,
                                            period, b[6].buf));
    release(b, 7);
    return answer;
}

static PyMethodDef methods[] = {
    {"advance", advance, METH_VARARGS,
     "advance(constants, wanted, stands, q, v, a, last_wanted, last_rate, out) -> tight"},
    {"way_and_step", way_and_step, METH_VARARGS, "way_and_step(steps, tool, q, goal, full_step, damping, out)"},
    {"stopping_extent", stopping_extent, METH_VARARGS, "stopping_extent(v, a, max_acceleration, jerk, out)"},
    {"surely", surely, METH_VARARGS, "surely(motion, left, q, known, v, a, period, factors) -> bool"},
    {NULL, NULL, 0, NULL}};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_one_robot", "One robot's arithmetic.", 0, methods,
                                    NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__one_robot(void)
{
    PyObject *made = PyModule_Create(&module);
    if (made != NULL && PyModule_AddStringConstant(made, "SOURCE", SOURCE) < 0)
        Py_CLEAR(made);
    return made;
}
