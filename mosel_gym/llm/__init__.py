"""Foundation models behind one seam: `ChatModel` takes messages and a schema, and gives an object."""
