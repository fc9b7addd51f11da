package roomd

import (
	"crypto/tls"
	"log/slog"
	"time"

	"google.golang.org/grpc"
)

const (
	callTimeout = 30 * time.Second
	// deliveredTimeout is for calls that wait for the cascade, which the server bounds at 60 s.
	deliveredTimeout = 75 * time.Second
	// toolTimeout is for calls of tools: at most 300 s, which a tool may extend to ten times that.
	toolTimeout     = 3030 * time.Second
	retryFor        = time.Minute
	maxMessageBytes = 16 << 20
)

type options struct {
	token     string
	tls       *tls.Config
	retryFor  time.Duration
	timeout   time.Duration
	reconnect Reconnect
	logger    *slog.Logger
	dial      []grpc.DialOption
}

// Option changes how a client behaves.
type Option func(*options)

// WithToken sends an API key with every call.
func WithToken(key string) Option { return func(o *options) { o.token = key } }

// WithTLS uses TLS; an empty configuration trusts the authorities of the system.
func WithTLS(config *tls.Config) Option { return func(o *options) { o.tls = config } }

// WithRetry sets how long a call is repeated while the server is not there. Default one minute;
// 0 repeats nothing. Repeating is safe: UNAVAILABLE means that nothing was decided, and a call
// that creates something carries a key. A tool's call that may have run is not repeated.
func WithRetry(window time.Duration) Option { return func(o *options) { o.retryFor = window } }

// WithCallTimeout bounds each try of a call whose context has no deadline. Default 30 s,
// 75 s for calls that wait until everything is delivered, 3030 s for calls of tools.
func WithCallTimeout(timeout time.Duration) Option { return func(o *options) { o.timeout = timeout } }

// WithReconnect sets how streams (workers, connections, subscriptions) are dialled again.
// Default: full jitter from 100 ms to 10 s, from the beginning after 30 s of serving.
func WithReconnect(policy Reconnect) Option {
	return func(o *options) {
		if policy.Jitter == nil {
			policy.Jitter = o.reconnect.Jitter
		}
		o.reconnect = policy
	}
}

// WithLogger takes what the SDK has to tell: lost streams, answers that were not applied.
// Default slog.Default().
func WithLogger(logger *slog.Logger) Option { return func(o *options) { o.logger = logger } }

// WithDialOptions passes options on to gRPC, such as interceptors, a stats handler or a dialer.
func WithDialOptions(more ...grpc.DialOption) Option {
	return func(o *options) { o.dial = append(o.dial, more...) }
}
