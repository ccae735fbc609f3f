// Calls servers by grpc-go's weighted round robin and prints how many calls each of them got, as JSON.
//
//	orca -oob -for 6s 127.0.0.1:50051 127.0.0.1:50052
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"sync"
	"time"

	orcav3 "github.com/cncf/xds/go/xds/data/orca/v3"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/encoding/protojson"

	bedrockv1 "github.com/bedrock-grpc/bedrock-grpc/client/go/bedrock/runtime/v1"
	"google.golang.org/grpc"
	_ "google.golang.org/grpc/balancer/weightedroundrobin"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/manual"
	"google.golang.org/protobuf/proto"
)

// How many callers there are at the same time.
const callers = 20

func main() {
	oob := flag.Bool("oob", false, "load reports out of band in place of trailers")
	duration := flag.Duration("for", 6*time.Second, "how long to call")
	skip := flag.Duration("skip", 2*time.Second, "calls of this first time are not counted: there are no reports yet")
	report := flag.Bool("report", false, "make one call and print the load report in its trailers")
	model := flag.String("model", "fault.slow.200", "the model to call")
	flag.Parse()

	addresses := manual.NewBuilderWithScheme("servers")
	var state resolver.State
	for _, address := range flag.Args() {
		state.Endpoints = append(state.Endpoints, resolver.Endpoint{Addresses: []resolver.Address{{Addr: address}}})
	}
	addresses.InitialState(state)
	config := fmt.Sprintf(`{"loadBalancingConfig": [{"weighted_round_robin": {
		"enableOobLoadReport": %t, "oobReportingPeriod": "1s", "blackoutPeriod": "0s", "weightUpdatePeriod": "0.5s"}}]}`, *oob)
	connection, err := grpc.NewClient("servers:///all", grpc.WithResolvers(addresses), grpc.WithDefaultServiceConfig(config),
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithAuthority("servers"))
	if err != nil {
		log.Fatal(err)
	}
	client := bedrockv1.NewBedrockRuntimeServiceClient(connection)
	request := &bedrockv1.ConverseRequest{ModelId: proto.String(*model), Messages: []*bedrockv1.Message{{
		Role:    proto.String("user"),
		Content: []*bedrockv1.ContentBlock{{Member: &bedrockv1.ContentBlock_Text{Text: "Hello"}}},
	}}}

	if *report {
		printReport(client, request)
		return
	}
	start := time.Now()
	var lock sync.Mutex
	counts := map[string]int{}
	var group sync.WaitGroup
	for range callers {
		group.Go(func() {
			for time.Since(start) < *duration {
				var server peer.Peer
				ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
				_, err := client.Converse(ctx, request, grpc.Peer(&server), grpc.WaitForReady(true))
				cancel()
				if err != nil {
					log.Fatal(err)
				}
				if time.Since(start) > *skip {
					lock.Lock()
					counts[server.Addr.String()]++
					lock.Unlock()
				}
			}
		})
	}
	group.Wait()
	if err := json.NewEncoder(os.Stdout).Encode(counts); err != nil {
		log.Fatal(err)
	}
}

// printReport prints the report of one call as JSON.
func printReport(client bedrockv1.BedrockRuntimeServiceClient, request *bedrockv1.ConverseRequest) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	var trailer metadata.MD
	if _, err := client.Converse(ctx, request, grpc.Trailer(&trailer), grpc.WaitForReady(true)); err != nil {
		log.Fatal(err)
	}
	values := trailer.Get("endpoint-load-metrics-bin")
	if len(values) == 0 {
		fmt.Println("null")
		return
	}
	var load orcav3.OrcaLoadReport
	if err := proto.Unmarshal([]byte(values[0]), &load); err != nil {
		log.Fatal(err)
	}
	fmt.Println(protojson.Format(&load))
}
