package main

import (
	"fmt"
	"net"
	"path"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// temporalGate hands calls on to Temporal unread, and tells the steps of each by its name.
// Temporal's methods have one request and one answer.
type temporalGate struct {
	steps   *steps
	conn    *grpc.ClientConn
	server  *grpc.Server
	address string
}

func openTemporal(target string, on *steps) (*temporalGate, error) {
	conn, err := grpc.NewClient(target, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodec(asIs{}), grpc.MaxCallRecvMsgSize(64<<20), grpc.MaxCallSendMsgSize(64<<20)),
		grpc.WithConnectParams(grpc.ConnectParams{MinConnectTimeout: 2 * time.Second, Backoff: backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1.5, MaxDelay: time.Second}}))
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	g := &temporalGate{steps: on, conn: conn, address: l.Addr().String()}
	g.server = grpc.NewServer(grpc.ForceServerCodec(asIs{}), grpc.UnknownServiceHandler(g.handOn), grpc.MaxRecvMsgSize(64<<20), grpc.MaxSendMsgSize(64<<20))
	go func() { _ = g.server.Serve(l) }()
	return g, nil
}

func (g *temporalGate) close() {
	g.server.Stop()
	_ = g.conn.Close()
}

func (g *temporalGate) handOn(_ any, stream grpc.ServerStream) error {
	method, _ := grpc.MethodFromServerStream(stream)
	at := "temporal " + path.Base(method)
	var request, answer []byte
	if err := stream.RecvMsg(&request); err != nil {
		return err
	}
	if g.steps.reach(at, false) {
		return errLost
	}
	ctx := stream.Context()
	if md, ok := metadata.FromIncomingContext(ctx); ok {
		ctx = metadata.NewOutgoingContext(ctx, md.Copy())
	}
	var header, trailer metadata.MD
	err := g.conn.Invoke(ctx, method, request, &answer, grpc.Header(&header), grpc.Trailer(&trailer))
	if err == nil && g.steps.reach(at, true) {
		return errLost
	}
	_ = stream.SetHeader(header)
	stream.SetTrailer(trailer)
	if err != nil {
		return err
	}
	return stream.SendMsg(answer)
}

var errLost = status.Error(codes.Unavailable, "connection lost")

// asIs is a codec that leaves messages as they came.
type asIs struct{}

// Marshal implements encoding.Codec.
func (asIs) Marshal(v any) ([]byte, error) {
	b, ok := v.([]byte)
	if !ok {
		return nil, fmt.Errorf("a message is %T", v)
	}
	return b, nil
}

// Unmarshal implements encoding.Codec.
func (asIs) Unmarshal(data []byte, v any) error {
	b, ok := v.(*[]byte)
	if !ok {
		return fmt.Errorf("a message goes into %T", v)
	}
	*b = data
	return nil
}

// Name implements encoding.Codec.
func (asIs) Name() string { return "proto" }
