"""Foundation models behind one seam: `ChatModel` takes messages and a schema, gives an object."""
