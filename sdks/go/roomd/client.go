package roomd

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"

	roomdv1 "github.com/roomd/roomd/sdks/go/roomd/v1"
)

const (
	keepAliveTime    = 20 * time.Second // the server takes no faster one
	keepAliveTimeout = 10 * time.Second
	maxConnectWait   = 5 * time.Second
)

// Client is a connection to a server. All of it is safe for concurrent use.
type Client struct {
	Rooms    roomdv1.RoomServiceClient
	Events   roomdv1.EventServiceClient
	Channels roomdv1.ChannelServiceClient
	Hooks    roomdv1.HookServiceClient
	Realtime roomdv1.RealtimeServiceClient
	Agents   roomdv1.AgentServiceClient
	Admin    roomdv1.AdminServiceClient

	conn *grpc.ClientConn
	options
}

// Dial connects to a server, "host:7777" or any target that gRPC takes, and returns once it
// answers. While it is not there it is dialled again, until the context ends.
func Dial(ctx context.Context, address string, more ...Option) (*Client, error) {
	client, err := newClient(address, more...)
	if err != nil {
		return nil, err
	}
	if err := client.await(ctx); err != nil {
		return nil, errors.Join(err, client.Close())
	}
	return client, nil
}

// newClient makes a client that has not connected yet.
func newClient(address string, more ...Option) (*Client, error) {
	made := &Client{options: options{
		retryFor:  retryFor,
		reconnect: DefaultReconnect(),
		logger:    slog.Default(),
	}}
	for _, option := range more {
		option(&made.options)
	}
	conn, err := grpc.NewClient(address, made.dialOptions()...)
	if err != nil {
		return nil, &Error{Code: codes.InvalidArgument, Reason: ErrValidation, Message: err.Error()}
	}
	made.conn = conn
	made.Rooms = roomdv1.NewRoomServiceClient(conn)
	made.Events = roomdv1.NewEventServiceClient(conn)
	made.Channels = roomdv1.NewChannelServiceClient(conn)
	made.Hooks = roomdv1.NewHookServiceClient(conn)
	made.Realtime = roomdv1.NewRealtimeServiceClient(conn)
	made.Agents = roomdv1.NewAgentServiceClient(conn)
	made.Admin = roomdv1.NewAdminServiceClient(conn)
	return made, nil
}

func (o *options) dialOptions() []grpc.DialOption {
	transport := insecure.NewCredentials()
	if o.tls != nil {
		transport = credentials.NewTLS(o.tls)
	}
	waits := backoff.DefaultConfig
	waits.BaseDelay, waits.MaxDelay = o.reconnect.First, maxConnectWait
	made := []grpc.DialOption{
		grpc.WithTransportCredentials(transport),
		grpc.WithChainUnaryInterceptor(o.unary),
		grpc.WithChainStreamInterceptor(o.stream),
		grpc.WithUserAgent("roomd-go/" + Version),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessageBytes)),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: waits, MinConnectTimeout: maxConnectWait}),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{
			Time: keepAliveTime, Timeout: keepAliveTimeout, PermitWithoutStream: true,
		}),
	}
	if o.token != "" {
		made = append(made, grpc.WithPerRPCCredentials(bearer(o.token)))
	}
	return append(made, o.dial...)
}

// await returns once the server answers: anything that it says means that it is there.
func (c *Client) await(ctx context.Context) error {
	dialling := redial{policy: c.reconnect}
	health := healthv1.NewHealthClient(c.conn)
	once := context.WithValue(ctx, onceKey{}, true)
	for {
		_, failed := health.Check(once, &healthv1.HealthCheckRequest{})
		err := errorOf(failed)
		if err == nil || (err.Code != codes.Unavailable && ctx.Err() == nil) {
			return nil
		}
		wait := dialling.wait(time.Time{})
		c.logger.Warn("roomd does not answer; dialling again", "error", err, "wait", wait)
		if !sleep(ctx, wait) {
			return endedWhile(ctx, err)
		}
	}
}

// Close hangs up. Calls and streams that are under way end with an error.
func (c *Client) Close() error { return c.conn.Close() }

// typedUnlessEnd types the error of a stream; nil and io.EOF stay what they are.
func typedUnlessEnd(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	return errorOf(err)
}
