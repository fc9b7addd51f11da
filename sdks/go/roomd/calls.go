package roomd

import (
	"context"
	"crypto/rand"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	roomdv1 "github.com/roomd/roomd/sdks/go/roomd/v1"
)

// maxCallWait is short: somebody waits for a call, so it is repeated more often than a stream
// is dialled.
const maxCallWait = 2 * time.Second

// keyFields make a call that creates something safe to repeat, and a tool's call known again.
var keyFields = []protoreflect.Name{"idempotency_key", "request_id", "tool_call_id"}

// bearer sends the API key; also without TLS, as on loopback.
type bearer string

func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(b)}, nil
}

func (bearer) RequireTransportSecurity() bool { return false }

// unary repeats a call while the server is not there, and types its error.
func (o *options) unary(
	ctx context.Context, method string, request, reply any,
	conn *grpc.ClientConn, invoke grpc.UnaryInvoker, more ...grpc.CallOption,
) error {
	ctx = withInvocationMetadata(ctx)
	request = withKey(request)
	policy := o.reconnect
	policy.Max = min(policy.Max, maxCallWait)
	began := time.Now()
	for attempt := 0; ; attempt++ {
		var reached peer.Peer
		options := append(more[:len(more):len(more)], grpc.Peer(&reached))
		err := o.once(ctx, request, func(ctx context.Context) error {
			return invoke(ctx, method, request, reply, conn, options...)
		})
		if err == nil {
			return nil
		}
		if err.Code != codes.Unavailable || time.Since(began) >= o.retryFor || ctx.Value(onceKey{}) != nil {
			return err
		}
		if reached.Addr != nil && mayHaveRun(request, err) {
			return err
		}
		if !sleep(ctx, max(policy.wait(attempt), err.RetryAfter)) {
			return endedWhile(ctx, err)
		}
	}
}

// mayHaveRun says whether a tool's call that reached the server, which is gone now, may have done
// something all the same: tools are the application's, so no key keeps a second call from acting.
func mayHaveRun(request any, err *Error) bool {
	_, isToolCall := request.(*roomdv1.CallToolRequest)
	return isToolCall && err.Reason != ErrNoWorker
}

// onceKey marks the context of a call that is not to be repeated.
type onceKey struct{}

// once makes one try within its own time.
func (o *options) once(ctx context.Context, request any, try func(context.Context) error) *Error {
	if _, bounded := ctx.Deadline(); !bounded {
		within, cancel := context.WithTimeout(ctx, o.timeoutOf(request))
		defer cancel()
		ctx = within
	}
	return errorOf(try(ctx))
}

// timeoutOf bounds a try of a call whose context has no deadline.
func (o *options) timeoutOf(request any) time.Duration {
	if o.timeout != 0 {
		return o.timeout
	}
	switch asks := request.(type) {
	case *roomdv1.CallToolRequest:
		return toolTimeout
	case interface{ GetWait() roomdv1.Wait }:
		if asks.GetWait() == roomdv1.Wait_WAIT_DELIVERED {
			return deliveredTimeout
		}
	}
	return callTimeout
}

// endedWhile is the error of a call whose context ended between two tries.
func endedWhile(ctx context.Context, last *Error) *Error {
	ended := errorOf(ctx.Err())
	ended.Message += "; the last try: " + last.Error()
	return ended
}

// stream adds what belongs to the context, and types the errors of a stream.
func (o *options) stream(
	ctx context.Context, desc *grpc.StreamDesc, conn *grpc.ClientConn, method string,
	open grpc.Streamer, more ...grpc.CallOption,
) (grpc.ClientStream, error) {
	opened, err := open(withInvocationMetadata(ctx), desc, conn, method, more...)
	if err != nil {
		return nil, errorOf(err)
	}
	return typedStream{opened}, nil
}

// typedStream gives typed errors; the end of a stream stays io.EOF.
type typedStream struct{ grpc.ClientStream }

func (s typedStream) RecvMsg(message any) error {
	return typedUnlessEnd(s.ClientStream.RecvMsg(message))
}

func (s typedStream) SendMsg(message any) error {
	return typedUnlessEnd(s.ClientStream.SendMsg(message))
}

// withKey gives a request that creates something a key, so that a repeated call takes effect
// once. The caller's message stays as it is.
func withKey(request any) any {
	message, isProto := request.(proto.Message)
	if !isProto {
		return request
	}
	fields := message.ProtoReflect().Descriptor().Fields()
	for _, name := range keyFields {
		field := fields.ByName(name)
		if field == nil || message.ProtoReflect().Get(field).String() != "" {
			continue
		}
		keyed := proto.Clone(message)
		keyed.ProtoReflect().Set(field, protoreflect.ValueOfString(rand.Text()))
		return keyed
	}
	return request
}

// invocationKey finds the invocation in a handler's context.
type invocationKey struct{}

// InvocationOf is what the handler that runs in this context was asked; nil outside handlers.
// Its trace context is what a tracer continues; calls made with the context carry it already.
func InvocationOf(ctx context.Context) *roomdv1.Invocation {
	invocation, _ := ctx.Value(invocationKey{}).(*roomdv1.Invocation)
	return invocation
}

// withInvocationMetadata names the invocation in calls that its handler makes, so that a call
// which would wait for itself is refused instead of hanging, and passes its trace on.
func withInvocationMetadata(ctx context.Context) context.Context {
	invocation := InvocationOf(ctx)
	if invocation == nil {
		return ctx
	}
	set, _ := metadata.FromOutgoingContext(ctx)
	pairs := []string{"roomd-invocation", invocation.GetInvocationId()}
	for name, value := range invocation.GetTraceContext() {
		if len(set.Get(name)) == 0 {
			pairs = append(pairs, name, value)
		}
	}
	return metadata.AppendToOutgoingContext(ctx, pairs...)
}
