"""The playground: small networks on two inputs, trained in front of the user."""
