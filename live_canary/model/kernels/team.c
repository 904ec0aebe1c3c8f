/* Threads that take part in the loops of whoever computes. Compiled for every processor of its kind.

   A loop is not held up by a thread that has not come: where other programs have the cores, waiting at the end of every
   loop until all threads have had their turn, as OpenMP does, takes longer than the work. Only those that have joined are
   waited for, and one joins only when it has a core. */

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

typedef void (*Take)(void *);

/* What `state` is made of: members at work, places that are left for others, and a number for each loop. A loop may be
   joined as long as it has places. */
enum { MEMBER = 1, PLACE = 1 << 8, LOOP = 1 << 16, AT_WORK = PLACE - MEMBER, PLACES = LOOP - PLACE };
enum { MOST_PLACES = PLACES / PLACE };
#ifndef SPINS
#define SPINS 4000 /* some 0.1 ms, in which mostly the next loop begins */
#endif
typedef enum { OWNER = 1, MEMBERS = 2 } Who;

static struct {
    _Atomic uint32_t state;
    atomic_int asleep[MEMBERS + 1];
    atomic_flag owned;
    Take take; /* of the loop that is open */
    void *loop;
} team = {.owned = ATOMIC_FLAG_INIT};

/* Two things the system does: `sleep_at` sleeps, perhaps for no time, unless the state is another than `seen`; `wake_some`
   wakes so many of those that do so, or more. */
#if defined __linux__
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

static void sleep_at(uint32_t seen, Who who) {
    syscall(SYS_futex, &team.state, FUTEX_WAIT_BITSET_PRIVATE, seen, NULL, NULL, who);
}

static void wake_some(Who who, int count) { syscall(SYS_futex, &team.state, FUTEX_WAKE_BITSET_PRIVATE, count, NULL, NULL, who); }

static void forget_who_sleeps(void) {}
#elif defined _WIN32
#include <windows.h>

static void sleep_at(uint32_t seen, Who who) {
    (void)who;
    WaitOnAddress(&team.state, &seen, sizeof seen, INFINITE);
}

static void wake_some(Who who, int count) {
    (void)who, (void)count;
    WakeByAddressAll((void *)&team.state);
}

static void forget_who_sleeps(void) {}
#else
#include <pthread.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t woken = PTHREAD_COND_INITIALIZER;

static void sleep_at(uint32_t seen, Who who) {
    (void)who;
    pthread_mutex_lock(&mutex);
    if (atomic_load(&team.state) == seen) pthread_cond_wait(&woken, &mutex);
    pthread_mutex_unlock(&mutex);
}

static void wake_some(Who who, int count) {
    (void)who, (void)count;
    pthread_mutex_lock(&mutex);
    pthread_cond_broadcast(&woken);
    pthread_mutex_unlock(&mutex);
}

static void forget_who_sleeps(void) { /* who held the mutex is not in the new process */
    pthread_mutex_init(&mutex, NULL);
    pthread_cond_init(&woken, NULL);
}
#endif

static void wake(Who who, int count) {
    if (atomic_load(&team.asleep[who])) wake_some(who, count);
}

static void breathe(void) {
#ifdef __aarch64__
    __asm__ volatile("isb"); /* `yield` takes no time at all */
#else
    __builtin_ia32_pause();
#endif
}

/* The state as soon as it is another than `seen`, or perhaps the same: who asks again sleeps again. */
static uint32_t changed(uint32_t seen, Who who) {
    for (int i = 0; i < SPINS; i++) {
        const uint32_t now = atomic_load(&team.state);
        if (now != seen) return now;
        breathe();
    }
    atomic_fetch_add(&team.asleep[who], 1);
    sleep_at(seen, who);
    atomic_fetch_sub(&team.asleep[who], 1);
    return atomic_load(&team.state);
}

/* Call take(loop) on up to `threads` threads at once, this one among them; on this one alone while another is at it.
   Each call must take what is left to do until nothing is. */
__attribute__((visibility("hidden"))) void share(Take take, void *loop, int threads) {
    if (threads < 2 || atomic_flag_test_and_set(&team.owned)) {
        take(loop);
        return;
    }
    const uint32_t places = threads - 1 < MOST_PLACES ? threads - 1 : MOST_PLACES;
    team.take = take, team.loop = loop;
    atomic_store(&team.state, (atomic_load(&team.state) & ~(LOOP - 1u)) + LOOP + places * PLACE);
    wake(MEMBERS, places);
    take(loop);
    uint32_t state = atomic_fetch_and(&team.state, ~(uint32_t)PLACES) & ~(uint32_t)PLACES;
    while (state & AT_WORK) state = changed(state, OWNER);
    atomic_flag_clear(&team.owned);
}

/* What a member does, for good. */
void live_canary_join(void) {
    uint32_t state = atomic_load(&team.state), done = state / LOOP;
    for (;;) {
        if (!(state & PLACES) || state / LOOP == done) {
            state = changed(state, MEMBERS);
        } else if (atomic_compare_exchange_strong(&team.state, &state, state - PLACE + MEMBER)) {
            done = state / LOOP;
            team.take(team.loop);
            state = atomic_fetch_sub(&team.state, MEMBER) - MEMBER;
            if (!(state & (AT_WORK | PLACES))) wake(OWNER, 1);
        }
    }
}

/* In a process that was forked, perhaps in the middle of a loop: nobody else of the team is in it. */
void live_canary_forked(void) {
    atomic_store(&team.state, 0);
    forget_who_sleeps();
    for (int who = 0; who <= MEMBERS; who++) atomic_store(&team.asleep[who], 0);
    atomic_flag_clear(&team.owned);
}
