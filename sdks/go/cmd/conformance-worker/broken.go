package main

import (
	"context"
	"sync/atomic"

	"google.golang.org/grpc"

	roomdv1 "github.com/roomd/roomd/sdks/go/roomd/v1"
)

// fault is one thing that a worker does wrong, below the SDK.
type fault struct {
	// outgoing changes a message; what it returns is sent, nothing for none.
	outgoing func(*roomdv1.ConnectRequest) []*roomdv1.ConnectRequest
	// incoming changes a message; false drops it.
	incoming func(*roomdv1.ConnectResponse) bool
	// attachesOnce drops Attach on all streams but the first.
	attachesOnce bool
	// resetsBackoff takes every stream that was welcomed for a good one.
	resetsBackoff bool
}

func only(request *roomdv1.ConnectRequest) []*roomdv1.ConnectRequest {
	return []*roomdv1.ConnectRequest{request}
}

// faults are the ways to be broken; "" is none.
var faults = map[string]fault{
	"":               {},
	"resets-backoff": {resetsBackoff: true},
	"attaches-once":  {attachesOnce: true},
	"ignores-cancel": {incoming: func(response *roomdv1.ConnectResponse) bool {
		return response.GetCancel() == nil
	}},
	"ignores-drain": {incoming: func(response *roomdv1.ConnectResponse) bool {
		return response.GetDrain() == nil
	}},
	"loses-trace": {incoming: func(response *roomdv1.ConnectResponse) bool {
		for _, invocation := range response.GetInvocations().GetInvocations() {
			invocation.TraceContext = nil
		}
		return true
	}},
	"never-pongs": {outgoing: func(request *roomdv1.ConnectRequest) []*roomdv1.ConnectRequest {
		if request.GetPong() != nil {
			return nil
		}
		return only(request)
	}},
	"no-goodbye": {outgoing: func(request *roomdv1.ConnectRequest) []*roomdv1.ConnectRequest {
		if request.GetGoodbye() != nil {
			return nil
		}
		return only(request)
	}},
	"forgets-lease": {outgoing: func(request *roomdv1.ConnectRequest) []*roomdv1.ConnectRequest {
		for _, result := range request.GetResults().GetResults() {
			result.Lease = 0
		}
		if chunk := request.GetResultChunk(); chunk != nil {
			chunk.Lease = 0
		}
		return only(request)
	}},
	"answers-twice": {outgoing: func(request *roomdv1.ConnectRequest) []*roomdv1.ConnectRequest {
		if request.GetResults() != nil {
			return append(only(request), request)
		}
		return only(request)
	}},
	"drops-batching": {outgoing: func(request *roomdv1.ConnectRequest) []*roomdv1.ConnectRequest {
		if request.GetResults() == nil {
			return only(request)
		}
		var single []*roomdv1.ConnectRequest
		for _, result := range request.GetResults().GetResults() {
			batch := &roomdv1.ResultBatch{Results: []*roomdv1.Result{result}}
			single = append(single, &roomdv1.ConnectRequest{
				Message: &roomdv1.ConnectRequest_Results{Results: batch},
			})
		}
		return single
	}},
	"hides-failures": {outgoing: func(request *roomdv1.ConnectRequest) []*roomdv1.ConnectRequest {
		for _, result := range request.GetResults().GetResults() {
			if result.GetFailure() != nil {
				allow := &roomdv1.HookDecision{
					Action: &roomdv1.HookDecision_Allow{Allow: &roomdv1.Allow{}},
				}
				result.Outcome = &roomdv1.Result_Decision{Decision: allow}
			}
		}
		return only(request)
	}},
	"repeats-sequence": {outgoing: func(request *roomdv1.ConnectRequest) []*roomdv1.ConnectRequest {
		if chunk := request.GetResultChunk(); chunk != nil {
			chunk.Sequence = 0
		}
		return only(request)
	}},
}

// interceptor breaks the worker's streams.
func (f fault) interceptor() grpc.StreamClientInterceptor {
	var streams atomic.Int64
	return func(
		ctx context.Context, desc *grpc.StreamDesc, conn *grpc.ClientConn, method string,
		open grpc.Streamer, more ...grpc.CallOption,
	) (grpc.ClientStream, error) {
		stream, err := open(ctx, desc, conn, method, more...)
		if err != nil || method != roomdv1.HookService_Connect_FullMethodName {
			return stream, err
		}
		return &brokenStream{stream, f, streams.Add(1) == 1}, nil
	}
}

// brokenStream changes what goes through it.
type brokenStream struct {
	grpc.ClientStream
	fault   fault
	isFirst bool
}

func (s *brokenStream) SendMsg(message any) error {
	request := message.(*roomdv1.ConnectRequest)
	if s.fault.attachesOnce && !s.isFirst && request.GetAttach() != nil {
		return nil
	}
	requests := only(request)
	if s.fault.outgoing != nil {
		requests = s.fault.outgoing(request)
	}
	for _, one := range requests {
		if err := s.ClientStream.SendMsg(one); err != nil {
			return err
		}
	}
	return nil
}

func (s *brokenStream) RecvMsg(message any) error {
	for {
		if err := s.ClientStream.RecvMsg(message); err != nil {
			return err
		}
		if s.fault.incoming == nil || s.fault.incoming(message.(*roomdv1.ConnectResponse)) {
			return nil
		}
	}
}
