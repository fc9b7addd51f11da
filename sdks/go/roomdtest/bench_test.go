package roomdtest_test

import (
	"context"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/roomd/roomd/sdks/go/roomd"
	"github.com/roomd/roomd/sdks/go/roomdtest"
)

// BenchmarkHookCalls is what one worker answers, 64 calls at once, with the test server's own
// part of the work in the same process. It reports the CPU of both for one call.
func BenchmarkHookCalls(b *testing.B) {
	server := roomdtest.NewServer(b)
	worker := roomd.NewWorker(server.Client())
	worker.OnEvent("allow", func(context.Context, *roomd.EventCall) (*roomd.Decision, error) {
		return roomd.Allow(), nil
	})
	server.Serve(worker)
	event := roomdtest.Message("lobby", "The quick brown fox jumps over the lazy dog.")
	calls := make(chan struct{})
	var callers sync.WaitGroup
	for range 64 {
		callers.Go(func() {
			for range calls {
				if _, err := server.Decide(context.Background(), "allow", event); err != nil {
					b.Error(err)
				}
			}
		})
	}
	began := cpu()
	b.ResetTimer()
	for range b.N {
		calls <- struct{}{}
	}
	close(calls)
	callers.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
	b.ReportMetric(float64((cpu()-began).Microseconds())/float64(b.N), "cpu-µs/call")
}

// cpu is what this process has used so far.
func cpu() time.Duration {
	var used syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &used) != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
