package roomd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	roomdv1 "github.com/roomd/roomd/sdks/go/roomd/v1"
)

// Error is how every call fails. A business outcome (a message that a hook blocked, say) is no
// error but a field of the answer; an Error means that nothing was decided or written.
//
//	var failed *roomd.Error
//	if errors.As(err, &failed) { … failed.Reason, failed.Violations … }
//	if errors.Is(err, roomd.ErrRoomNotFound) { … }
type Error struct {
	// Code is the gRPC code.
	Code codes.Code
	// Reason says why; the code's name where the server gave none.
	Reason Reason
	// Message says in words what to do.
	Message string
	// Metadata of the reason, such as the cursor to resume from.
	Metadata map[string]string
	// Violations are the fields that break their rules (ErrValidation).
	Violations []Violation
	// RetryAfter is what the server asks to wait before the call is repeated.
	RetryAfter time.Duration

	status *status.Status
}

// Violation is one field of a request that breaks its rule.
type Violation struct {
	Field       string
	Description string
}

// Error says reason and words.
func (e *Error) Error() string {
	if e.Message == "" {
		return "roomd: " + string(e.Reason)
	}
	return fmt.Sprintf("roomd: %s: %s", string(e.Reason), e.Message)
}

// Is makes errors.Is(err, roomd.ErrRoomNotFound) true for errors of that reason.
func (e *Error) Is(target error) bool {
	reason, isReason := target.(Reason)
	return isReason && reason == e.Reason
}

// Unwrap gives the context's error for a call that its own context ended.
func (e *Error) Unwrap() error {
	switch e.Code {
	case codes.Canceled:
		return context.Canceled
	case codes.DeadlineExceeded:
		return context.DeadlineExceeded
	}
	return nil
}

// GRPCStatus is the status behind it, for status.Code and friends.
func (e *Error) GRPCStatus() *status.Status {
	if e.status != nil {
		return e.status
	}
	return status.New(e.Code, e.Message)
}

// errorOf turns what gRPC returned into an *Error; nil stays nil.
func errorOf(err error) *Error {
	if err == nil {
		return nil
	}
	var typed *Error
	if errors.As(err, &typed) {
		return typed
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		err = status.FromContextError(err).Err()
	}
	told, _ := status.FromError(err)
	made := &Error{Code: told.Code(), Message: told.Message(), status: told}
	for _, detail := range told.Details() {
		made.read(detail)
	}
	if made.Reason == "" && made.Code == codes.ResourceExhausted {
		// Only gRPC itself, on either side, refuses without a reason, and only for the size.
		made.Reason = ErrMessageTooLarge
	}
	if made.Reason == "" {
		made.Reason = codeName(made.Code)
	}
	return made
}

func (e *Error) read(detail any) {
	switch detail := detail.(type) {
	case *errdetails.ErrorInfo:
		e.Reason, e.Metadata = Reason(detail.GetReason()), detail.GetMetadata()
	case *errdetails.BadRequest:
		for _, one := range detail.GetFieldViolations() {
			e.Violations = append(e.Violations, Violation{one.GetField(), one.GetDescription()})
		}
	case *errdetails.RetryInfo:
		e.RetryAfter = detail.GetRetryDelay().AsDuration()
	}
}

// errorOfStatus turns a status inside a stream message into an *Error; nil for OK.
func errorOfStatus(told *roomdv1.Status) *Error {
	if told.GetCode() == 0 {
		return nil
	}
	code := codes.Code(told.GetCode())
	reason := Reason(strings.TrimPrefix(told.GetReason().String(), "ERROR_REASON_"))
	if told.GetReason() == roomdv1.ErrorReason_ERROR_REASON_UNSPECIFIED {
		reason = codeName(code)
	}
	return &Error{Code: code, Reason: reason, Message: told.GetMessage()}
}

// invalidField refuses what cannot even be sent, as the server would.
func invalidField(field string, err error) *Error {
	return &Error{
		Code: codes.InvalidArgument, Reason: ErrValidation, Message: field + ": " + err.Error(),
		Violations: []Violation{{field, err.Error()}},
	}
}

// codeName writes a code as the protocol does: UNAVAILABLE, NOT_FOUND.
func codeName(code codes.Code) Reason {
	var name strings.Builder
	for at, letter := range code.String() {
		if at > 0 && letter >= 'A' && letter <= 'Z' && code != codes.OK {
			name.WriteByte('_')
		}
		name.WriteRune(letter)
	}
	return Reason(strings.ToUpper(name.String()))
}
