// Command errors reads what an error says: reason, delay, request id.
package main

import (
	"cmp"
	"context"
	"errors"
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
	question := bedrock.User(bedrock.Text("Hello"))
	_, err = client.Converse(context.Background(), bedrock.Request("fault.throttling-daily", question))
	var failed *bedrock.Error
	if errors.As(err, &failed) {
		fmt.Println(failed.Code, failed.Reason, "retryable:", failed.Retryable, failed.RequestID)
	}
}
