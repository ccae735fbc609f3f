// Command stream prints text as it arrives, then the usage.
package main

import (
	"cmp"
	"context"
	"fmt"
	"log"
	"os"

	bedrock "github.com/bedrock-grpc/bedrock-grpc/client/go"
)

func main() {
	client, err := bedrock.Connect(cmp.Or(os.Getenv("BEDROCK_GRPC_TARGET"), "127.0.0.1:50051"))
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	request := bedrock.Request("demo.model", bedrock.User(bedrock.Text("Tell me a story.")))
	stream, err := client.ConverseStream(context.Background(), request)
	if err != nil {
		log.Fatal(err)
	}
	defer stream.Close()
	for text, err := range stream.Text() {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Print(text)
	}
	result, err := stream.Collect()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("\n%s, %d tokens, request %s\n", result.StopReason(), result.Usage().GetTotalTokens(), result.RequestID())
}
