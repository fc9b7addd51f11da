package roomd

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"
	"unicode/utf8"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	roomdv1 "github.com/roomd/roomd/sdks/go/roomd/v1"
)

// CancelledError is context.Cause of a handler's context that the server cancelled before its
// time was over: an answer is not taken any more.
type CancelledError struct{ Reason roomdv1.Cancel_Reason }

// Error says why.
func (e *CancelledError) Error() string { return "the server cancelled it: " + e.Reason.String() }

// call is one invocation that runs.
type call struct {
	invocation *roomdv1.Invocation
	cancel     context.CancelCauseFunc
	timer      *time.Timer // nil: no deadline
	batch      *arrival    // what it came with

	mu       sync.Mutex
	deadline time.Time

	emitting sync.Mutex
	sequence int64
}

// callContext is a handler's context. Its deadline can be moved (Extend), which those of package
// context cannot.
type callContext struct {
	context.Context
	call *call
}

// Deadline tells calls that the handler makes how long they may take.
func (c callContext) Deadline() (time.Time, bool) {
	c.call.mu.Lock()
	defer c.call.mu.Unlock()
	return c.call.deadline, !c.call.deadline.IsZero()
}

// Err is DeadlineExceeded when the time is over, Canceled when nobody waits for the answer.
func (c callContext) Err() error {
	if err := c.Context.Err(); err == nil || !errors.Is(context.Cause(c.Context), context.DeadlineExceeded) {
		return err
	}
	return context.DeadlineExceeded
}

// start serves an invocation beside the others.
func (s *session) start(invocation *roomdv1.Invocation) {
	made := &call{invocation: invocation}
	base, cancel := context.WithCancelCause(s.context)
	made.cancel = cancel
	if timeout := invocation.GetTimeout(); timeout != nil {
		made.deadline = time.Now().Add(timeout.AsDuration())
		made.timer = time.AfterFunc(timeout.AsDuration(), func() { cancel(context.DeadlineExceeded) })
	}
	s.mu.Lock()
	if old := s.running[invocation.GetInvocationId()]; old != nil {
		old.cancel(&CancelledError{roomdv1.Cancel_REASON_SUPERSEDED})
	}
	s.running[invocation.GetInvocationId()] = made
	made.batch = s.batch
	s.mu.Unlock()
	ctx := context.WithValue(callContext{base, made}, handleKey{}, &handle{s, made})
	go func() {
		result := s.answer(context.WithValue(ctx, invocationKey{}, invocation), made)
		s.finish(base, made, result)
	}()
}

// answer asks the handler; its error or panic is its answer, not our end.
func (s *session) answer(ctx context.Context, made *call) (result *roomdv1.Result) {
	logger, name := s.worker.client.logger, made.invocation.GetHandler()
	defer func() {
		if fault := recover(); fault != nil {
			logger.Error("a handler panicked", "handler", name, "fault", fault, "stack", string(debug.Stack()))
			result = failureFor(made.invocation, fmt.Errorf("panic: %v", fault))
		}
	}()
	one := s.worker.handlerOf(name)
	if one == nil {
		return failureOf(&failureError{
			codes.FailedPrecondition, roomdv1.ErrorReason_ERROR_REASON_NOT_ATTACHED,
			"no such handler here",
		})
	}
	invocation, err := s.whole(ctx, made.invocation)
	if err == nil {
		if invocation != made.invocation {
			ctx = context.WithValue(ctx, invocationKey{}, invocation)
		}
		result, err = one.serve(ctx, invocation)
	}
	if err != nil {
		if ctx.Err() == nil {
			logger.Error("a handler failed", "handler", name, "error", err)
		}
		return failureFor(made.invocation, err)
	}
	return result
}

// whole fetches a payload that did not fit into the invocation.
func (s *session) whole(
	ctx context.Context, invocation *roomdv1.Invocation,
) (*roomdv1.Invocation, error) {
	if invocation.GetOversize() == nil {
		return invocation, nil
	}
	response, err := s.worker.client.Hooks.GetInvocationPayload(ctx,
		&roomdv1.GetInvocationPayloadRequest{
			InvocationId: invocation.GetInvocationId(), Lease: invocation.GetLease(),
		})
	if err != nil {
		return nil, err
	}
	full := proto.Clone(invocation).(*roomdv1.Invocation)
	full.Input = nil
	if hook := response.GetHook(); hook != nil {
		full.Input = &roomdv1.Invocation_Hook{Hook: hook}
	} else if asked := response.GetCall(); asked != nil {
		full.Input = &roomdv1.Invocation_Call{Call: asked}
	}
	full.Context = response.GetContext()
	return full, nil
}

// finish hands the answer in, unless nobody waits for it any more.
func (s *session) finish(base context.Context, made *call, result *roomdv1.Result) {
	if made.timer != nil {
		made.timer.Stop()
	}
	isWanted := base.Err() == nil
	made.cancel(nil)
	if isWanted {
		result.InvocationId = made.invocation.GetInvocationId()
		result.Lease = made.invocation.GetLease()
		result = s.sendable(made.invocation.GetHandler(), result)
	}
	s.mu.Lock()
	if s.running[made.invocation.GetInvocationId()] == made {
		delete(s.running, made.invocation.GetInvocationId())
	}
	if isWanted {
		s.ready = append(s.ready, result)
	}
	if made.batch.left--; made.batch.left == 0 {
		close(made.batch.settled)
	}
	s.mu.Unlock()
	if isWanted {
		s.ring()
	}
}

func (s *session) maxResultBytes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.maxBytes
}

// sendable is the answer, or what stands for one that would end the stream, and with it all that
// runs beside it: one that is too large, or that cannot be written (text that is no UTF-8).
func (s *session) sendable(handler string, result *roomdv1.Result) *roomdv1.Result {
	written, err := proto.Marshal(result)
	switch {
	case err != nil:
		err = refusal(roomdv1.ErrorReason_ERROR_REASON_VALIDATION,
			"the handler's answer cannot be sent: "+err.Error())
	case len(written) > s.maxResultBytes():
		err = &failureError{
			codes.ResourceExhausted, roomdv1.ErrorReason_ERROR_REASON_MESSAGE_TOO_LARGE,
			"the handler's answer is too large",
		}
	default:
		return result
	}
	s.worker.client.logger.Error("an answer is not sent", "handler", handler, "error", err)
	failure := failureOf(err)
	failure.InvocationId, failure.Lease = result.GetInvocationId(), result.GetLease()
	return failure
}

func (s *session) cancel(cancel *roomdv1.Cancel) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if one := s.running[cancel.GetInvocationId()]; one != nil {
		var why error = &CancelledError{cancel.GetReason()}
		if cancel.GetReason() == roomdv1.Cancel_REASON_DEADLINE {
			why = context.DeadlineExceeded
		}
		one.cancel(why)
	}
}

// prolong moves the deadline.
func (c *call) prolong(timeout time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.timer != nil {
		c.deadline = time.Now().Add(timeout)
		c.timer.Reset(timeout)
	}
}

// ---------------------------------------------------------------- for the handler

// handleKey finds the handle in a handler's context.
type handleKey struct{}

// handle is what a handler can do about its own call.
type handle struct {
	session *session
	call    *call
}

// Extend asks the server for more time from now on: the handler's deadline moves. Deciding hooks
// never get more than 10 s, others up to ten times their timeout; a server that does not grant it
// cancels the handler. It is an error outside a handler.
func Extend(ctx context.Context, timeout time.Duration) error {
	mine, isHandler := ctx.Value(handleKey{}).(*handle)
	if !isHandler {
		return &Error{Code: codes.FailedPrecondition, Reason: ErrWrongState, Message: "not in a handler"}
	}
	if ctx.Err() != nil {
		return errorOf(ctx.Err())
	}
	mine.call.prolong(timeout)
	extend := &roomdv1.Extend{
		InvocationId: mine.call.invocation.GetInvocationId(),
		Lease:        mine.call.invocation.GetLease(),
		Timeout:      durationpb.New(timeout),
	}
	mine.session.tell(&roomdv1.ConnectRequest{Message: &roomdv1.ConnectRequest_Extend{Extend: extend}})
	return nil
}

// emitterOf sends parts of an answer. Chunks go out at once and in order, before the result.
func emitterOf(ctx context.Context) func(string) error {
	mine := ctx.Value(handleKey{}).(*handle)
	return func(text string) error {
		if text == "" {
			return nil
		}
		if !utf8.ValidString(text) {
			return refusal(roomdv1.ErrorReason_ERROR_REASON_VALIDATION, "Emit takes UTF-8 only")
		}
		if ctx.Err() != nil {
			return errorOf(ctx.Err())
		}
		mine.call.emitting.Lock()
		defer mine.call.emitting.Unlock()
		chunk := &roomdv1.ResultChunk{
			InvocationId: mine.call.invocation.GetInvocationId(),
			Lease:        mine.call.invocation.GetLease(),
			Sequence:     mine.call.sequence,
			Chunk: &roomdv1.HandlerChunk{
				Kind: &roomdv1.HandlerChunk_TextDelta{TextDelta: text},
			},
		}
		mine.call.sequence++
		// The time of an answer that streams holds for each part.
		mine.call.prolong(mine.call.invocation.GetTimeout().AsDuration())
		request := &roomdv1.ConnectRequest{Message: &roomdv1.ConnectRequest_ResultChunk{ResultChunk: chunk}}
		return typedUnlessEnd(mine.session.send(request))
	}
}
