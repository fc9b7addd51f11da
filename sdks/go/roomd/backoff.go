package roomd

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// Reconnect says how long a lost stream waits before it is dialled again: wait number n, from 0,
// is Jitter() * min(Max, First * 2^n). It is dialled for ever; n starts again at 0 only after a
// stream has served for Steady, so that a server that takes a stream and drops it is not stormed.
type Reconnect struct {
	First  time.Duration
	Max    time.Duration
	Steady time.Duration
	// Jitter gives a number from 0 to 1: full jitter where it is random.
	Jitter func() float64
}

// DefaultReconnect is full jitter from 100 ms to 10 s, from the beginning after 30 s of serving.
func DefaultReconnect() Reconnect {
	return Reconnect{
		First:  100 * time.Millisecond,
		Max:    10 * time.Second,
		Steady: 30 * time.Second,
		Jitter: rand.Float64,
	}
}

// maxDoublings keeps the shift below from running over.
const maxDoublings = 16

func (r Reconnect) wait(attempt int) time.Duration {
	bound := min(r.Max, r.First<<min(attempt, maxDoublings))
	return time.Duration(r.Jitter() * float64(bound))
}

// sleep waits; false when the context ended first.
func sleep(ctx context.Context, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// redial counts the attempts of one stream that is kept for ever.
type redial struct {
	policy Reconnect

	mu      sync.Mutex
	attempt int
}

// wait is how long to wait after a stream that served since then (zero: never) was lost.
func (r *redial) wait(servedSince time.Time) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !servedSince.IsZero() && time.Since(servedSince) >= r.policy.Steady {
		r.attempt = 0
	}
	r.attempt++
	return r.policy.wait(r.attempt - 1)
}

// noWish: the server did not say how long to wait.
const noWish = time.Duration(-1)

// wish is how long to wait where the server said how long; but a server that says so over and
// over, without serving in between, is not stormed.
func (r *redial) wish(told time.Duration, servedSince time.Time) time.Duration {
	own := r.wait(servedSince)
	r.mu.Lock()
	defer r.mu.Unlock()
	if told == noWish || r.attempt > 1 {
		return max(told, own)
	}
	return told
}
