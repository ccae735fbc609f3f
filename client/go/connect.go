package bedrockgrpc

import (
	"context"
	"crypto/tls"
	_ "embed"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"

	bedrockv1 "github.com/bedrock-grpc/bedrock-grpc/client/go/bedrock/runtime/v1"
)

// Version of this module; it is part of the user agent.
const Version = "0.2.0"

// MessageLimit is the gateway's message limit in bytes. gRPC's default of 4 MiB is too small for responses with images.
const MessageLimit = 32 << 20

// A dead connection is noticed within 50 s: a ping after 30 s of silence, and 20 s for its acknowledgement.
const (
	keepaliveTime    = 30 * time.Second
	keepaliveTimeout = 20 * time.Second
)

// The service config that all clients of bedrock-grpc share: a timeout and a retry policy for each method. It is a copy of
// client/service-config.json; a test compares them.
//
//go:embed service-config.json
var serviceConfig string

// Client calls a gateway over one connection. It is safe for concurrent use.
type Client struct {
	conn    *grpc.ClientConn
	runtime bedrockv1.BedrockRuntimeServiceClient
}

type settings struct {
	credentials credentials.TransportCredentials
	metadata    []string
	dial        []grpc.DialOption
}

// Option changes how Connect connects.
type Option func(*settings)

// WithTLS uses TLS. A nil config trusts the platform's root certificates; set Certificates in it for mTLS.
func WithTLS(config *tls.Config) Option {
	return func(s *settings) { s.credentials = credentials.NewTLS(config) }
}

// WithToken sends `authorization: Bearer token` with each call.
func WithToken(token string) Option { return WithMetadata("authorization", "Bearer "+token) }

// WithAPIKey sends `x-api-key: key` with each call.
func WithAPIKey(key string) Option { return WithMetadata("x-api-key", key) }

// WithMetadata sends a header with each call.
func WithMetadata(key, value string) Option {
	return func(s *settings) { s.metadata = append(s.metadata, key, value) }
}

// WithDialOptions adds gRPC dial options after the defaults, so that they win.
func WithDialOptions(options ...grpc.DialOption) Option {
	return func(s *settings) { s.dial = append(s.dial, options...) }
}

// Connect returns a client of the gateway at target (`host:port`, `unix:///path`, or any gRPC target). The connection is
// made by the first call. The defaults: retries by status and by the gateway's pushback, the timeouts of the shared service
// config, messages up to 32 MiB, and keepalive.
func Connect(target string, options ...Option) (*Client, error) {
	s := settings{credentials: insecure.NewCredentials()}
	for _, option := range options {
		option(&s)
	}
	dial := []grpc.DialOption{
		grpc.WithTransportCredentials(s.credentials),
		grpc.WithDefaultServiceConfig(serviceConfig),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(MessageLimit), grpc.MaxCallSendMsgSize(MessageLimit)),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: keepaliveTime, Timeout: keepaliveTimeout}),
		grpc.WithUserAgent("bedrock-grpc-go/" + Version),
		grpc.WithChainUnaryInterceptor(unaryMetadata(s.metadata)),
		grpc.WithChainStreamInterceptor(streamMetadata(s.metadata)),
	}
	conn, err := grpc.NewClient(target, append(dial, s.dial...)...)
	if err != nil {
		return nil, err
	}
	return FromConn(conn), nil
}

// FromConn returns a client over a connection that the caller has set up and closes.
func FromConn(conn *grpc.ClientConn) *Client {
	return &Client{conn: conn, runtime: bedrockv1.NewBedrockRuntimeServiceClient(conn)}
}

// Close closes the connection. Running calls are cancelled.
func (c *Client) Close() error { return c.conn.Close() }

// Runtime is the generated client over the same connection, for every operation. Pass its errors to FromError.
func (c *Client) Runtime() bedrockv1.BedrockRuntimeServiceClient { return c.runtime }

// Conn is the connection, for other services of the gateway.
func (c *Client) Conn() *grpc.ClientConn { return c.conn }

func unaryMetadata(pairs []string) grpc.UnaryClientInterceptor {
	return func(ctx context.Context, method string, request, response any, conn *grpc.ClientConn,
		invoke grpc.UnaryInvoker, options ...grpc.CallOption) error {
		return invoke(metadata.AppendToOutgoingContext(ctx, pairs...), method, request, response, conn, options...)
	}
}

func streamMetadata(pairs []string) grpc.StreamClientInterceptor {
	return func(ctx context.Context, desc *grpc.StreamDesc, conn *grpc.ClientConn, method string,
		open grpc.Streamer, options ...grpc.CallOption) (grpc.ClientStream, error) {
		return open(metadata.AppendToOutgoingContext(ctx, pairs...), desc, conn, method, options...)
	}
}
