"""What other autoscalers were told, in Tidegate's words: reads their objects, makes InferenceServices. Pure."""
