// Package bedrockgrpc calls Amazon Bedrock through a bedrock-grpc gateway. It needs no AWS SDK and no AWS credentials.
//
//	client, err := bedrockgrpc.Connect("127.0.0.1:50051")
//	result, err := client.Converse(ctx, bedrockgrpc.Request("demo.model", bedrockgrpc.User(bedrockgrpc.Text("Hello"))))
//	fmt.Println(result.Text())
//
// The messages are in package bedrockv1 (github.com/bedrock-grpc/bedrock-grpc/client/go/bedrock/runtime/v1).
package bedrockgrpc
