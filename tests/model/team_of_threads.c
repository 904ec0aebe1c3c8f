/* Loops of which every item must be done exactly once, shared with a team that falls asleep again and again, by two owners
   at a time, and in processes that are forked meanwhile. Ends with 0, or never where a thread is not woken. */

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern void share(void (*take)(void *), void *loop, int threads);
extern void live_canary_join(void);
extern void live_canary_forked(void);

enum { MEMBERS = 3, OWNERS = 2, MOST_ITEMS = 64, LOOPS = 20000, FORKS = 20, LOOPS_OF_A_FORK = 500 };

typedef struct {
    atomic_int next, done[MOST_ITEMS];
    int items;
} Loop;

static void take(void *data) {
    Loop *loop = data;
    for (int i; (i = atomic_fetch_add(&loop->next, 1)) < loop->items;) atomic_fetch_add(loop->done + i, 1);
}

static void share_loops(int loops, unsigned seed) {
    for (int l = 0; l < loops; l++) {
        Loop loop = {.items = 1 + rand_r(&seed) % MOST_ITEMS};
        share(take, &loop, 1 + rand_r(&seed) % (MEMBERS + 2));
        for (int i = 0; i < loop.items; i++)
            if (loop.done[i] != 1) _exit(1);
        const struct timespec pause = {0, rand_r(&seed) % 300000};
        if (rand_r(&seed) % 50 == 0) nanosleep(&pause, NULL);
    }
}

static void *own(void *seed) {
    share_loops(LOOPS, (uintptr_t)seed);
    return NULL;
}

static void *join(void *unused) {
    live_canary_join();
    return unused;
}

static void begin_team(void) {
    pthread_t member;
    for (int i = 0; i < MEMBERS; i++)
        if (pthread_create(&member, NULL, join, NULL)) _exit(2);
}

int main(void) {
    pthread_t owners[OWNERS];
    begin_team();
    for (uintptr_t i = 0; i < OWNERS; i++)
        if (pthread_create(owners + i, NULL, own, (void *)(i + 1))) return 2;
    for (int f = 0; f < FORKS; f++) {
        const pid_t child = fork();
        if (!child) {
            live_canary_forked();
            begin_team();
            share_loops(LOOPS_OF_A_FORK, f);
            _exit(0);
        }
        int status;
        if (waitpid(child, &status, 0) != child || status) return 3;
    }
    for (int i = 0; i < OWNERS; i++) pthread_join(owners[i], NULL);
    return 0;
}
