// Each call goes through send.ts, which knows the address of the service and the key.
module.exports = {
  api: {
    input: "./generated/openapi.json",
    output: {
      target: "./generated/orval.ts",
      client: "fetch",
      override: { mutator: { path: "./send.ts", name: "send" } },
    },
  },
};
