// Command toolloop runs a tool until the model has its result.
package main

import (
	"cmp"
	"context"
	"fmt"
	"log"
	"os"

	bedrock "github.com/bedrock-grpc/bedrock-grpc/client/go"
)

type place struct {
	City string `json:"city" jsonschema:"description=The city's name"`
}

func main() {
	client, err := bedrock.Connect(cmp.Or(os.Getenv("BEDROCK_GRPC_TARGET"), "127.0.0.1:50051"))
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	weather, err := bedrock.NewTool("get_weather", "Current weather for a city",
		func(_ context.Context, in place) (any, error) {
			return map[string]any{"city": in.City, "celsius": 18}, nil
		})
	if err != nil {
		log.Fatal(err)
	}
	loop := bedrock.ToolLoop{Tools: []bedrock.Tool{weather}}
	question := bedrock.User(bedrock.Text("What is the weather in Paris?"))
	done, err := loop.Run(context.Background(), client, bedrock.Request("demo.model", question))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(done.Text())
}
