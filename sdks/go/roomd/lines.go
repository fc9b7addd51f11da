package roomd

import (
	"context"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
)

// refusals are codes with which a stream would end again: it is not dialled again.
var refusals = map[codes.Code]bool{
	codes.Unauthenticated:    true,
	codes.PermissionDenied:   true,
	codes.InvalidArgument:    true,
	codes.FailedPrecondition: true,
	codes.Unimplemented:      true,
}

// lines are the lines of streams of a running worker: one as a rule, two while it moves from an
// old stream to a new one. Each is dialled again for ever.
type lines struct {
	worker   *Worker
	ctx      context.Context
	stop     context.CancelCauseFunc
	all      sync.WaitGroup
	dialling redial // of the newest line: only it dials
}

// begin keeps a line of streams; the stream that it replaces, if any, ends once the new one is
// attached.
func (l *lines) begin(replaces *session) {
	l.all.Go(func() {
		if refused := l.stay(replaces); refused != nil {
			l.worker.client.logger.Error("the worker stream is refused and not dialled again",
				"error", refused)
			l.stop(refused)
		}
	})
}

// stay dials for ever; an error when the server will never take this worker.
func (l *lines) stay(replaces *session) *Error {
	if replaces != nil && !sleep(l.ctx, l.dialling.wait(replaces.welcomeTime())) {
		return nil
	}
	for l.ctx.Err() == nil {
		made := newSession(l, replaces)
		l.worker.setCurrent(made)
		err := errorOf(made.serve(l.ctx))
		if made.isReplaced() || l.ctx.Err() != nil {
			return nil
		}
		if err != nil && refusals[err.Code] {
			return err
		}
		if !sleep(l.ctx, l.pause(made, err)) {
			return nil
		}
		replaces = made.stillReplaces()
	}
	return nil
}

// pause is how long to wait after a stream that ended.
func (l *lines) pause(ended *session, err *Error) time.Duration {
	if told, isTold := ended.waitTold(); isTold {
		return l.dialling.wish(told, ended.welcomeTime())
	}
	wait := l.dialling.wait(ended.welcomeTime())
	why := "the server ended it"
	if err != nil {
		why = err.Error()
	}
	l.worker.client.logger.Warn("the worker stream was lost; dialling again", "why", why, "wait", wait)
	return wait
}

func (w *Worker) setCurrent(made *session) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.current = made
}
