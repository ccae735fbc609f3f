// Command hello sends one question and prints the response.
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
	result, err := client.Converse(context.Background(), bedrock.Request("demo.model", bedrock.User(bedrock.Text("Hello"))))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(result.Text())
}
