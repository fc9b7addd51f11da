package roomd

import "google.golang.org/protobuf/proto"

// with applies options to a request.
func with[T any](request T, more []func(T)) T {
	for _, option := range more {
		option(request)
	}
	return request
}

// clone copies a request that the caller keeps; an empty one for nil.
func clone[T any, P interface {
	*T
	proto.Message
}](request P) P {
	if request == nil {
		return P(new(T))
	}
	return proto.Clone(request).(P)
}
