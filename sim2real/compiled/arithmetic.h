/* One robot's arithmetic: numpy takes longer to be called than to compute so few numbers, and Python's floats are slow.
 *
 * Each function says the same as the one in Python that it names, operation for operation, and gives the same bits (tests
 * compare them): whoever changes one changes both. Nothing here allocates, keeps state or knows what a robot is.
 */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define MOST 64 /* joints and channels */

/* deployment/braking.py: cube_root. */
static double cube_root(double distance)
{
    const double x = distance + 1e-300;
    int64_t bits;
    double root;
    memcpy(&bits, &x, sizeof bits);
    bits = bits / 3 + ((int64_t)715094163 << 32);
    memcpy(&root, &bits, sizeof root);
    for (int i = 0; i < 2; i++) {
        const double cube = root * root * root;
        root = root * ((cube + 2.0 * x) / (2.0 * cube + x));
    }
    return root;
}

/* deployment/braking.py: stopping_extent, of one channel. */
static void stop(double velocity, double acceleration, double most, double jerk, double *up, double *down)
{
    const double x = fabs(acceleration) / jerk, ramp = fmax(ceil(x) - 1.0, 0.0);
    const double v_end = velocity + copysign(ramp * (x - 0.5 * (ramp + 1.0)) * jerk, acceleration);
    const double side = v_end < 0.0 ? -1.0 : 1.0;
    const double v = side * velocity / jerk, alpha = side * acceleration / jerk, level = most / jerk;
    const double theta = -alpha - floor(-alpha);
    const double root = sqrt(fmax(v + 0.5 * (alpha * (alpha - 1.0) - theta * (1.0 - theta)), 0.0));
    const double n1 = fmax(floor(fmin(root, level) + alpha), 0.0);
    double way = n1 * (v + (n1 + 1.0) * (alpha / 2.0 - (n1 + 2.0) / 6.0));
    const double v1 = v + n1 * (alpha - 0.5 * (n1 + 1.0));
    const double whole = fmax(ceil(level) - 1.0, 0.0), plateau = level + whole * (level - 0.5 * (whole + 1.0));
    const double n2 = fmax(floor((v1 - plateau) / level) + 1.0, 0.0);
    way += n2 * (v1 - 0.5 * level * (n2 + 1.0));
    const double v2 = fmax(v1 - n2 * level, 0.0), n3 = floor(sqrt(8.0 * v2 + 1.0) * 0.5 - 0.5);
    way += n3 * (n3 + 1.0) * ((v2 / (n3 + 1.0) + 0.5 * n3) / 2.0 - (2.0 * n3 + 1.0) / 6.0);
    const double half = alpha - 0.5, k = fmax(ceil(half - sqrt(fmax(half * half + 2.0 * v, 0.0))) - 1.0, 0.0);
    const double dip = v < 0.0 ? k * (v + (k + 1.0) * (alpha / 2.0 - (k + 2.0) / 6.0)) : 0.0;
    const double first = side * jerk * fmin(dip, 0.0), last = side * jerk * way;
    *up = fmax(fmax(first, last), 0.0);
    *down = fmin(fmin(first, last), 0.0);
}

/* deployment/few_channels.py: advance. ``out``: rows target, a, v, q, wanted, rate. */
static int advance_all(ptrdiff_t n, const double *c, const double *wanted, const unsigned char *stands,
                       const double *q, const double *v, const double *a, const double *last_wanted,
                       const double *last_rate, double *out)
{
    int tight = 0;
    for (ptrdiff_t i = 0; i < n; i++) {
        const double low = c[i], high = c[n + i], v_max = c[2 * n + i], a_max = c[3 * n + i], j_max = c[4 * n + i],
                     aim_a = c[5 * n + i], aim_j23 = c[6 * n + i], aim_half_j = c[7 * n + i],
                     aim_offset = c[8 * n + i], aim_per_j = c[9 * n + i], half_per_j = c[10 * n + i],
                     half_per_a = c[11 * n + i], stop_factor = c[12 * n + i], per_j = c[13 * n + i];
        const double q0 = q[i], v0 = v[i], a0 = a[i], w0 = last_wanted[i], r0 = last_rate[i];
        const double w = wanted[i] < low ? low : wanted[i] > high ? high : wanted[i];
        const double rate = w - w0;
        double least = r0 < 0.0 ? r0 : 0.0, most = r0 < 0.0 ? 0.0 : r0;
        double drift = rate < least ? least : rate > most ? most : rate;
        drift = drift < -v_max ? -v_max : drift > v_max ? v_max : drift;
        const double error = w - q0 - drift;
        const double rising = copysign(a0, a0 * error);
        const double x = rising * aim_per_j;
        double distance = fabs(error);
        if (x > 0.0) {
            const double carried = x * (copysign(1.0, error) * (v0 - drift) + 0.5 * rising * x);
            if (carried > 0.0) {
                distance -= carried;
                if (distance < 0.0)
                    distance = 0.0;
            }
        }
        double planned = cube_root(distance) * aim_j23;
        planned = (planned > aim_a ? aim_a : planned) + 1e-300;
        const double b = planned * aim_half_j + aim_offset, twice = 2.0 * distance;
        const double speed = twice / (b + sqrt(b * b + twice / planned));
        double target = drift + copysign(speed > distance ? distance : speed, error);
        target = stands && stands[i] ? 0.0 : target < -v_max ? -v_max : target > v_max ? v_max : target;
        /* velocity_step */
        const double difference = target - v0, gap = fabs(difference);
        const double steps = floor(sqrt(gap / (0.5 * j_max) + 0.25) - 0.5);
        double step = gap / (steps + 1.0) + 0.5 * j_max * steps;
        step = copysign(step > a_max ? a_max : step, difference);
        least = a0 - j_max;
        most = a0 + j_max;
        const double a1 = step < least ? least : step > most ? most : step;
        const double v1 = v0 + a1, q1 = q0 + v1;
        /* stopping_bound */
        const double size = fabs(a1), fast = fabs(v1) + size * size * half_per_j;
        const double reach = fast * (fast * half_per_a + stop_factor + size * per_j);
        tight = tight || high - q1 < reach || q1 - low < reach;
        out[i] = target;
        out[n + i] = a1;
        out[2 * n + i] = v1;
        out[3 * n + i] = q1;
        out[4 * n + i] = w;
        out[5 * n + i] = rate;
    }
    return tight;
}

/* tasks/one_arm.py: way_and_step. ``steps``: of each joint on the way its column of q, whether it is prismatic, and
 * its frame (4, 3) as combinations of the frame before; ``tool``: (4, 3), likewise. ``out``: the way (3), the step. */
static void turn_into(const double *fixed, double frame[4][3])
{
    double next[4][3];
    for (int row = 0; row < 4; row++)
        for (int k = 0; k < 3; k++)
            next[row][k] = fixed[3 * row] * frame[0][k] + fixed[3 * row + 1] * frame[1][k]
                           + fixed[3 * row + 2] * frame[2][k];
    for (int k = 0; k < 3; k++) {
        for (int row = 0; row < 3; row++)
            frame[row][k] = next[row][k];
        frame[3][k] += next[3][k];
    }
}

static void see(ptrdiff_t count, ptrdiff_t joints, const double *steps, const double *tool, const double *q,
                const double *goal, const double *full, double damping, double *out)
{
    double frame[4][3] = {{1.0, 0.0, 0.0}, {0.0, 1.0, 0.0}, {0.0, 0.0, 1.0}, {0.0, 0.0, 0.0}};
    double axes[MOST][3], points[MOST][3];
    for (ptrdiff_t i = 0; i < count; i++) {
        const double *step = steps + 14 * i, angle = q[(ptrdiff_t)step[0]];
        turn_into(step + 2, frame);
        if (step[1] != 0.0) {
            for (int k = 0; k < 3; k++)
                frame[3][k] += angle * frame[2][k];
        } else {
            const double cosine = cos(angle), sine = sin(angle);
            for (int k = 0; k < 3; k++) {
                const double x = frame[0][k], y = frame[1][k];
                frame[0][k] = cosine * x + sine * y;
                frame[1][k] = cosine * y - sine * x;
            }
        }
        for (int k = 0; k < 3; k++) {
            axes[i][k] = frame[2][k];
            points[i][k] = frame[3][k];
        }
    }
    turn_into(tool, frame);
    const double x = frame[3][0], y = frame[3][1], z = frame[3][2];
    out[0] = goal[0] - x;
    out[1] = goal[1] - y;
    out[2] = goal[2] - z;
    /* around the base's z axis instead of straight through it */
    const double radius = sqrt(x * x + y * y) + 1e-9;
    const double turn = atan2(x * goal[1] - y * goal[0], x * goal[0] + y * goal[1]);
    const double outwards = (sqrt(goal[0] * goal[0] + goal[1] * goal[1]) - radius) / radius;
    const double arc_x = outwards * x - turn * y, arc_y = outwards * y + turn * x, arc_z = out[2];
    double xx = damping * damping, xy = 0.0, xz = 0.0, yy = damping * damping, yz = 0.0, zz = damping * damping;
    for (ptrdiff_t i = 0; i < count; i++) {
        const double ax = axes[i][0], ay = axes[i][1], az = axes[i][2];
        double jx = ax, jy = ay, jz = az;
        if (steps[14 * i + 1] == 0.0) {
            const double dx = x - points[i][0], dy = y - points[i][1], dz = z - points[i][2];
            jx = ay * dz - az * dy;
            jy = az * dx - ax * dz;
            jz = ax * dy - ay * dx;
        }
        axes[i][0] = jx;
        axes[i][1] = jy;
        axes[i][2] = jz;
        xx += jx * jx;
        xy += jx * jy;
        xz += jx * jz;
        yy += jy * jy;
        yz += jy * jz;
        zz += jz * jz;
    }
    /* (J J^T + d^2 I) u = arc by L D L^T */
    const double l10 = xy / xx, l20 = xz / xx, d1 = yy - xy * l10, e = yz - xz * l10, l21 = e / d1;
    const double uz = (arc_z - l20 * arc_x - l21 * (arc_y - l10 * arc_x)) / (zz - xz * l20 - e * l21);
    const double uy = (arc_y - l10 * arc_x) / d1 - l21 * uz, ux = arc_x / xx - l10 * uy - l20 * uz;
    double *found = out + 3, largest = 1.0;
    for (ptrdiff_t i = 0; i < joints; i++)
        found[i] = 0.0;
    for (ptrdiff_t i = 0; i < count; i++) {
        const ptrdiff_t column = (ptrdiff_t)steps[14 * i];
        const double part = (axes[i][0] * ux + axes[i][1] * uy + axes[i][2] * uz) / full[column];
        found[column] = part;
        if (0.5 * fabs(part) > largest)
            largest = 0.5 * fabs(part);
    }
    for (ptrdiff_t i = 0; i < joints; i++)
        found[i] /= largest;
}

/* deployment/capsule_motion.py: surely. Without a velocity the robot stands. */
static int surely_all(ptrdiff_t bounds, ptrdiff_t joints, const double *motion, const double *left, const double *q,
                      const double *known, const double *v, const double *a, double period, const double *factors)
{
    double departure[MOST];
    for (ptrdiff_t k = 0; k < joints; k++) {
        departure[k] = fabs(q[k] - known[k]);
        if (v != NULL) { /* stopping_bound */
            const double size = fabs(a[k]) * (period * period);
            const double fast = fabs(v[k]) * period + size * size * factors[k];
            departure[k] += fast * (fast * factors[joints + k] + factors[2 * joints + k] + size * factors[3 * joints + k]);
        }
    }
    for (ptrdiff_t i = 0; i < bounds; i++) {
        double sum = 0.0;
        for (ptrdiff_t k = 0; k < joints; k++)
            sum += motion[i * joints + k] * departure[k];
        if (!(sum <= left[i])) /* nan: no */
            return 0;
    }
    return 1;
}
