package roomd

// Reason is why a call failed: the reason of its ErrorInfo. The constants are targets for
// errors.Is; a reason that is newer than this SDK is a Reason all the same.
type Reason string

// Error makes a reason a target for errors.Is.
func (r Reason) Error() string { return "roomd: " + string(r) }

// The reasons of the protocol, each with the code it comes with.
const (
	// ErrValidation: INVALID_ARGUMENT: a field breaks its rule; see BadRequest.
	ErrValidation = Reason("VALIDATION")
	// ErrTriggerModeMismatch: INVALID_ARGUMENT: the trigger does not take this mode.
	ErrTriggerModeMismatch = Reason("TRIGGER_MODE_MISMATCH")
	// ErrPolicyNeedsPersistent: INVALID_ARGUMENT: policy BLOCK needs a PERSISTENT hook.
	ErrPolicyNeedsPersistent = Reason("POLICY_NEEDS_PERSISTENT")
	// ErrMaskNotMutable: INVALID_ARGUMENT: the mask names a field that cannot change.
	ErrMaskNotMutable = Reason("MASK_NOT_MUTABLE")
	// ErrTriggerNotRemotable: INVALID_ARGUMENT: the trigger cannot be served by a worker.
	ErrTriggerNotRemotable = Reason("TRIGGER_NOT_REMOTABLE")
	// ErrMalformed: INVALID_ARGUMENT: the bytes are not this message, or nest too deep.
	ErrMalformed = Reason("MALFORMED")
	// ErrBadCursor: INVALID_ARGUMENT: the page token or cursor is of another list or room.
	ErrBadCursor = Reason("BAD_CURSOR")
	// ErrDurableNeedsPersistent: INVALID_ARGUMENT: delivery DURABLE needs mode OBSERVE and lifetime PERSISTENT.
	ErrDurableNeedsPersistent = Reason("DURABLE_NEEDS_PERSISTENT")
	// ErrRoomNotFound: NOT_FOUND.
	ErrRoomNotFound = Reason("ROOM_NOT_FOUND")
	// ErrChannelNotFound: NOT_FOUND.
	ErrChannelNotFound = Reason("CHANNEL_NOT_FOUND")
	// ErrBindingNotFound: NOT_FOUND: the channel is not attached to the room.
	ErrBindingNotFound = Reason("BINDING_NOT_FOUND")
	// ErrEventNotFound: NOT_FOUND.
	ErrEventNotFound = Reason("EVENT_NOT_FOUND")
	// ErrHookNotFound: NOT_FOUND.
	ErrHookNotFound = Reason("HOOK_NOT_FOUND")
	// ErrParticipantNotFound: NOT_FOUND.
	ErrParticipantNotFound = Reason("PARTICIPANT_NOT_FOUND")
	// ErrTaskNotFound: NOT_FOUND.
	ErrTaskNotFound = Reason("TASK_NOT_FOUND")
	// ErrDeliveryNotFound: NOT_FOUND.
	ErrDeliveryNotFound = Reason("DELIVERY_NOT_FOUND")
	// ErrInvocationNotFound: NOT_FOUND.
	ErrInvocationNotFound = Reason("INVOCATION_NOT_FOUND")
	// ErrToolNotFound: NOT_FOUND: nobody serves such a tool, or not for this channel.
	ErrToolNotFound = Reason("TOOL_NOT_FOUND")
	// ErrRoomExists: ALREADY_EXISTS.
	ErrRoomExists = Reason("ROOM_EXISTS")
	// ErrChannelExists: ALREADY_EXISTS.
	ErrChannelExists = Reason("CHANNEL_EXISTS")
	// ErrBindingExists: ALREADY_EXISTS: the channel is attached already, with other settings.
	ErrBindingExists = Reason("BINDING_EXISTS")
	// ErrHookExists: ALREADY_EXISTS.
	ErrHookExists = Reason("HOOK_EXISTS")
	// ErrParticipantExists: ALREADY_EXISTS.
	ErrParticipantExists = Reason("PARTICIPANT_EXISTS")
	// ErrKeyReused: ALREADY_EXISTS: the key was used before with another body.
	ErrKeyReused = Reason("KEY_REUSED")
	// ErrTaskExists: ALREADY_EXISTS.
	ErrTaskExists = Reason("TASK_EXISTS")
	// ErrHandlerConflict: ALREADY_EXISTS: other workers serve the handler now, with other settings.
	ErrHandlerConflict = Reason("HANDLER_CONFLICT")
	// ErrRoomClosed: FAILED_PRECONDITION: the room is CLOSED or ARCHIVED.
	ErrRoomClosed = Reason("ROOM_CLOSED")
	// ErrNotAttached: FAILED_PRECONDITION: the handler is not attached, or this session does not hold it.
	ErrNotAttached = Reason("NOT_ATTACHED")
	// ErrProtocolTooOld: FAILED_PRECONDITION: the SDK speaks an older protocol than this server takes.
	ErrProtocolTooOld = Reason("PROTOCOL_TOO_OLD")
	// ErrWouldDeadlock: FAILED_PRECONDITION: the call waits for the hook that makes it.
	ErrWouldDeadlock = Reason("WOULD_DEADLOCK")
	// ErrWrongState: FAILED_PRECONDITION: not from this state.
	ErrWrongState = Reason("WRONG_STATE")
	// ErrChannelInUse: FAILED_PRECONDITION: the channel is still attached to rooms.
	ErrChannelInUse = Reason("CHANNEL_IN_USE")
	// ErrProtocolViolation: FAILED_PRECONDITION: a message that the stream does not take now.
	ErrProtocolViolation = Reason("PROTOCOL_VIOLATION")
	// ErrEtagMismatch: ABORTED: somebody else changed it; read again.
	ErrEtagMismatch = Reason("ETAG_MISMATCH")
	// ErrRateLimited: RESOURCE_EXHAUSTED: too many; see RetryInfo.
	ErrRateLimited = Reason("RATE_LIMITED")
	// ErrOverloaded: RESOURCE_EXHAUSTED: the server is full; see RetryInfo.
	ErrOverloaded = Reason("OVERLOADED")
	// ErrMessageTooLarge: RESOURCE_EXHAUSTED: never retried.
	ErrMessageTooLarge = Reason("MESSAGE_TOO_LARGE")
	// ErrSlowConsumer: RESOURCE_EXHAUSTED: the reader was too slow; resume from the cursor in the metadata.
	ErrSlowConsumer = Reason("SLOW_CONSUMER")
	// ErrQuota: RESOURCE_EXHAUSTED: a limit on the number of things.
	ErrQuota = Reason("QUOTA")
	// ErrHistoryTruncated: OUT_OF_RANGE: the start lies before what is kept.
	ErrHistoryTruncated = Reason("HISTORY_TRUNCATED")
	// ErrNodeDraining: UNAVAILABLE: this server is going away.
	ErrNodeDraining = Reason("NODE_DRAINING")
	// ErrStoreDown: UNAVAILABLE: the store does not answer.
	ErrStoreDown = Reason("STORE_DOWN")
	// ErrHookBudgetExhausted: UNAVAILABLE: the hooks took longer than their budget.
	ErrHookBudgetExhausted = Reason("HOOK_BUDGET_EXHAUSTED")
	// ErrProcessTimeout: UNAVAILABLE: the processing timeout passed; nothing was stored.
	ErrProcessTimeout = Reason("PROCESS_TIMEOUT")
	// ErrStoreReadOnly: UNAVAILABLE: the disk is full or broken; reads go on.
	ErrStoreReadOnly = Reason("STORE_READ_ONLY")
	// ErrDeadline: DEADLINE_EXCEEDED: the caller's deadline passed.
	ErrDeadline = Reason("DEADLINE")
	// ErrServerFault: UNAVAILABLE: a fault of the server; the request id finds it in the log.
	ErrServerFault = Reason("SERVER_FAULT")
	// ErrNoWorker: UNAVAILABLE: the worker that must do it is not attached.
	ErrNoWorker = Reason("NO_WORKER")
	// ErrCredentialInvalid: UNAUTHENTICATED: no key, or not a valid one.
	ErrCredentialInvalid = Reason("CREDENTIAL_INVALID")
	// ErrScopeMissing: PERMISSION_DENIED: the credential lacks the scope.
	ErrScopeMissing = Reason("SCOPE_MISSING")
	// ErrGrantMissing: PERMISSION_DENIED: the credential may not register this.
	ErrGrantMissing = Reason("GRANT_MISSING")
	// ErrMethodUnknown: UNIMPLEMENTED: no such method here.
	ErrMethodUnknown = Reason("METHOD_UNKNOWN")
)
