package roomd

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/durationpb"

	roomdv1 "github.com/roomd/roomd/sdks/go/roomd/v1"
)

const maxFailureRunes = 500

// failureError is a handler's failure with a code and reason of its own.
type failureError struct {
	code   codes.Code
	reason roomdv1.ErrorReason
	words  string
}

func (e *failureError) Error() string { return e.words }

// Is makes errors.Is(err, roomd.ErrMaskNotMutable) true.
func (e *failureError) Is(target error) bool {
	return target == errorOfStatus(&roomdv1.Status{Code: int32(e.code), Reason: e.reason}).Reason
}

// refusal says that a handler answered against the rules.
func refusal(reason roomdv1.ErrorReason, words string) error {
	return &failureError{codes.InvalidArgument, reason, words}
}

// unknownKind says that this SDK, or this handler, does not know what it was asked.
func unknownKind(what, handler string) error {
	return &failureError{
		codes.Unimplemented, roomdv1.ErrorReason_ERROR_REASON_METHOD_UNKNOWN,
		fmt.Sprintf("%s does not know this kind of %s", handler, what),
	}
}

// retryableError is a failure that another attempt may mend.
type retryableError struct {
	error
	after time.Duration
}

func (e *retryableError) Unwrap() error { return e.error }

// Retryable marks a handler's error as one that another attempt may mend, not before after.
func Retryable(err error, after time.Duration) error { return &retryableError{err, after} }

// gaveUpError is a failure that no other attempt mends.
type gaveUpError struct{ error }

func (e *gaveUpError) Unwrap() error { return e.error }

// GiveUp marks an observer's error as one that no other attempt will mend: what a durable observer
// was told is parked at once. Without it it is told again, ten times by default.
func GiveUp(err error) error { return &gaveUpError{err} }

// failureFor turns a handler's error into its answer to an invocation. Nobody waits for an
// observer: unless it gave up, another attempt may work.
func failureFor(invocation *roomdv1.Invocation, err error) *roomdv1.Result {
	result := failureOf(err)
	var own *failureError
	var gaveUp *gaveUpError
	if !invocation.GetReplyExpected() && !errors.As(err, &own) && !errors.As(err, &gaveUp) {
		result.GetFailure().Retryable = true
	}
	return result
}

// failureOf turns a handler's error into its answer.
func failureOf(err error) *roomdv1.Result {
	failure := &roomdv1.Failure{Status: &roomdv1.Status{
		Code:    int32(codes.Internal),
		Reason:  roomdv1.ErrorReason_ERROR_REASON_SERVER_FAULT,
		Message: shortened(err.Error(), maxFailureRunes),
	}}
	var own *failureError
	if errors.As(err, &own) {
		failure.Status.Code, failure.Status.Reason = int32(own.code), own.reason
	}
	var retryable *retryableError
	if errors.As(err, &retryable) {
		failure.Retryable = true
		if retryable.after > 0 {
			failure.RetryAfter = durationpb.New(retryable.after)
		}
	}
	return &roomdv1.Result{Outcome: &roomdv1.Result_Failure{Failure: failure}}
}

// shortened cuts words to so many characters; what is no UTF-8 in them could not be sent.
func shortened(words string, most int) string {
	words = strings.ToValidUTF8(words, "\uFFFD")
	if runes := []rune(words); len(runes) > most {
		return string(runes[:most])
	}
	return words
}
