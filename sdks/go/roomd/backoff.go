package roomd

import (
	"context"
	"math/rand/v2"
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

func defaultReconnect() Reconnect {
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
	policy  Reconnect
	attempt int
}

// wait is how long to wait after a stream that served since then (zero: never) was lost.
func (r *redial) wait(servedSince time.Time) time.Duration {
	if !servedSince.IsZero() && time.Since(servedSince) >= r.policy.Steady {
		r.attempt = 0
	}
	r.attempt++
	return r.policy.wait(r.attempt - 1)
}
