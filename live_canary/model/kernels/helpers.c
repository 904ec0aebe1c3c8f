/* Threads that help whoever computes. Compiled for any x86-64 Linux.

   A loop is never held up by a helper that has not come: where other programs have the cores, waiting at the end of every
   loop until all threads have had their turn, as OpenMP does, costs more than the work. Only whoever has taken an item is
   waited for. */

#include <linux/futex.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef void (*Take)(void *);

/* What `state` is made of: helpers at work, places that are left for others, and a number for each loop. A loop may be
   joined as long as it has places. */
enum { HELPER = 1, PLACE = 1 << 8, LOOP = 1 << 16, AT_WORK = PLACE - HELPER, PLACES = LOOP - PLACE };
enum { MOST_PLACES = PLACES / PLACE, SPINS = 4000 /* some 0.1 ms, in which mostly the next loop begins */ };
typedef enum { OWNER = 1, HELPERS = 2 } Who;

static struct {
    _Atomic uint32_t state;
    atomic_int asleep[HELPERS + 1];
    atomic_flag owned;
    Take take; /* of the loop that is open */
    void *loop;
} team = {.owned = ATOMIC_FLAG_INIT};

static void wake(Who who, int count) {
    if (atomic_load(&team.asleep[who])) syscall(SYS_futex, &team.state, FUTEX_WAKE_BITSET_PRIVATE, count, 0, 0, who);
}

/* The state as soon as it is another than `seen`, or perhaps the same: who asks again sleeps again. */
static uint32_t changed(uint32_t seen, Who who) {
    for (int i = 0; i < SPINS; i++) {
        const uint32_t now = atomic_load(&team.state);
        if (now != seen) return now;
        __builtin_ia32_pause();
    }
    atomic_fetch_add(&team.asleep[who], 1);
    syscall(SYS_futex, &team.state, FUTEX_WAIT_BITSET_PRIVATE, seen, 0, 0, who);
    atomic_fetch_sub(&team.asleep[who], 1);
    return atomic_load(&team.state);
}

/* Call take(loop) on as many as `threads` threads at once, this one among them; on this one alone while another is at it.
   Each call must take what is left to do until nothing is. */
__attribute__((visibility("hidden"))) void helpers(Take take, void *loop, int threads) {
    if (atomic_flag_test_and_set(&team.owned)) {
        take(loop);
        return;
    }
    const uint32_t places = threads - 1 < MOST_PLACES ? threads - 1 : MOST_PLACES;
    team.take = take, team.loop = loop;
    atomic_store(&team.state, (atomic_load(&team.state) & ~(LOOP - 1u)) + LOOP + places * PLACE);
    wake(HELPERS, places);
    take(loop);
    uint32_t state = atomic_fetch_and(&team.state, ~(uint32_t)PLACES) & ~(uint32_t)PLACES;
    while (state & AT_WORK) state = changed(state, OWNER);
    atomic_flag_clear(&team.owned);
}

/* What a helper does, for good. */
void live_canary_help(void) {
    uint32_t state = atomic_load(&team.state), helped = state / LOOP - 1;
    for (;;) {
        if (!(state & PLACES) || state / LOOP == helped) {
            state = changed(state, HELPERS);
        } else if (atomic_compare_exchange_strong(&team.state, &state, state - PLACE + HELPER)) {
            helped = state / LOOP;
            team.take(team.loop);
            state = atomic_fetch_sub(&team.state, HELPER) - HELPER;
            if (!(state & (AT_WORK | PLACES))) wake(OWNER, 1);
        }
    }
}
